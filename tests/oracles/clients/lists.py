"""Register lists of packages whose clients do not run any more, as JSON: the name of one is the only argument.

What they need of pymodbus is gone from it; a stand-in is enough to read their lists.
"""

import ast
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from unittest.mock import MagicMock

for name in (
    "pymodbus", "pymodbus.client", "pymodbus.client.base", "pymodbus.constants", "pymodbus.exceptions",
    "pymodbus.payload", "pymodbus.register_read_message",
):  # fmt: skip
    sys.modules[name] = MagicMock()


def sungrow():
    """Name → table, number in the maker's document (from 1), type, factor."""
    found = {}
    for part in ("device", "general", "hybrid"):
        module = importlib.import_module(f"pysungrow.definitions.variables.{part}")
        for each in vars(module).values():
            if type(each).__name__ == "VariableDefinition":
                factor = each.transform if isinstance(each.transform, int | float) else None
                table = "holding" if each.variable_type.name == "READWRITE" else "input"
                found[each.key] = [table, each.address, each.raw_type.value, factor]
    return found


def fronius():
    """Every register of a GEN24 with storage, number from 1 → name and type, for both of its maps."""
    folder = Path(importlib.util.find_spec("pyfroniusreg").submodule_search_locations[0])
    found = {}
    for kind, stem in (("int", "int_sf_storage"), ("float", "float_storage")):
        source = (folder / f"gen24_primo_symo_inverter_register_map_{stem}.py").read_text()
        found[kind] = [
            [node.value.args[0].value, node.targets[0].id, node.value.args[1].attr]
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign) and getattr(node.value.func, "attr", "") == "FroniusReg"
        ]
    return found


def solaredge():
    """Name → address and type, of the inverter and of its first battery."""
    package = importlib.import_module("solaredge_modbus")
    inverter = package.Inverter(host="127.0.0.1", port=1)
    battery = package.Battery(offset=0, parent=inverter)
    lists = {"inverter": inverter.registers, "battery": battery.registers}
    return {which: {name: [row[0], row[3].name] for name, row in rows.items()} for which, rows in lists.items()}


print(json.dumps({"sungrow": sungrow, "fronius": fronius, "solaredge": solaredge}[sys.argv[1]]()))

"""The plan's rules of the house, held against the code: who may import whom, and what must be absent where."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("contract", "device_profiles", "edge_agent", "central", "simulator", "demo", "dashboards")
OTHERS = ("bench", "tests")
OURS = {*PACKAGES, *OTHERS}
LINES_MAX = 400

MAY_IMPORT = {
    "contract": set[str](),
    "device_profiles": {"contract"},
    "edge_agent": {"contract", "device_profiles"},
    "central": {"contract"},
    "simulator": {"contract", "device_profiles"},
    # The demo starts the others as processes; it reads their files, so it may know what they call public.
    "demo": {"contract", "device_profiles", "edge_agent", "central", "simulator"},
    # Boards ask what central writes; their sample month is the simulator's.
    "dashboards": {"contract", "central", "simulator"},
}
IMPURE = {
    "aiomqtt",
    "asyncio",
    "concurrent",
    "fastapi",
    "http",
    "influxdb_client",
    "multiprocessing",
    "os",
    "paho",
    "pathlib",
    "psutil",
    "pymodbus",
    "random",
    "secrets",
    "serial",
    "shutil",
    "signal",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "starlette",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uvicorn",
    "uvloop",
}
CLOCK_CALLS = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns"}
SQL = re.compile(
    r"\b(?:SELECT\s.+?\sFROM|INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(?:TABLE|INDEX))\b",
    re.DOTALL,
)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def files_of(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, by its full name; also inside functions and under TYPE_CHECKING."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = [*here[: -node.level]] if node.level else []
            base = ".".join([*prefix, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def roots_of(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """String literals that are not docstrings."""
    tree = tree_of(path)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def line_writes(path: Path) -> list[str]:
    """Calls of ``write`` on what is called a line, or with a unit and a timeout as only a line's has them."""
    calls = [
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "write"
    ]
    return [
        f"line {call.lineno}: {ast.unparse(call.func)}"
        for call in calls
        if "timeout_s" in {keyword.arg for keyword in call.keywords}
        or re.search(r"line$", ast.unparse(call.func).rpartition(".")[0])
    ]


def in_core(path: Path) -> bool:
    return "core" in path.relative_to(ROOT).parts


every_file = pytest.mark.parametrize("path", files_of(*PACKAGES), ids=shown)
every_core_file = pytest.mark.parametrize("path", [p for p in files_of(*PACKAGES) if in_core(p)], ids=shown)


@every_file
def test_a_room_imports_only_the_rooms_that_it_may(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert not (roots_of(path) & OURS) - MAY_IMPORT[package] - {package}


@pytest.mark.parametrize("path", files_of("contract"), ids=shown)
def test_the_contract_needs_the_standard_library_and_msgspec_alone(path: Path) -> None:
    more = {"cryptography"} if path.name == "signing.py" else set()
    assert not roots_of(path) - sys.stdlib_module_names - {"contract", "msgspec"} - more


@pytest.mark.parametrize("path", files_of("device_profiles"), ids=shown)
def test_what_registers_mean_is_known_without_a_device(path: Path) -> None:
    assert not roots_of(path) & {"asyncio", "pymodbus", "random", "serial", "socket", "sqlite3", "time"}


@pytest.mark.parametrize("path", files_of("central"), ids=shown)
def test_central_knows_nothing_of_registers(path: Path) -> None:
    assert not roots_of(path) & {"device_profiles", "pymodbus", "serial", "sunspec2"}


@pytest.mark.parametrize("path", files_of("edge_agent"), ids=shown)
def test_the_edge_carries_nothing_of_the_city_s_tools(path: Path) -> None:
    assert not roots_of(path) & {"sqlalchemy", "fastapi", "influxdb_client", "alembic", "uvicorn", "pvlib", "pandas"}


@every_core_file
def test_what_decides_does_no_input_or_output(path: Path) -> None:
    assert not roots_of(path) & IMPURE
    names = {name for name in imports_of(path) if re.match(r"(?:edge_agent\.io|central\.(?:store|api|web))\b", name)}
    # The store's protocol and its row are values; the stores themselves are not.
    assert not {name for name in names if not re.match(r"central\.store\.base\b", name)}


@every_core_file
def test_what_decides_never_asks_for_the_time(path: Path) -> None:
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    asked = [
        f"line {call.lineno}: {ast.unparse(call.func)}"
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in CLOCK_CALLS
        and isinstance(call.func.value, ast.Name | ast.Attribute)
        and ast.unparse(call.func.value).rpartition(".")[2] in {"datetime", "date", "time"}
    ]
    assert not asked


@pytest.mark.parametrize("path", files_of("central"), ids=shown)
def test_only_the_stores_of_central_hold_sql(path: Path) -> None:
    if path.is_relative_to(ROOT / "central" / "store"):
        return
    assert not [f"line {line}" for line, text in texts_of(path) if SQL.search(text)]


@pytest.mark.parametrize("path", files_of("edge_agent"), ids=shown)
def test_only_obey_writes_registers(path: Path) -> None:
    if path.name == "obey.py":
        return
    names = {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
    assert not {name for name in names if re.match(r"(?:write_(?:coil|register)|mask_write|readwrite_)", name)}
    assert not line_writes(path)


@pytest.mark.parametrize("path", files_of(*PACKAGES, "bench"), ids=shown)
def test_a_file_is_short_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX


@pytest.mark.parametrize("path", files_of(*PACKAGES, *OTHERS), ids=shown)
def test_nothing_is_left_for_later(path: Path) -> None:
    if path == Path(__file__).resolve():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [f"line {number}: {line.strip()}" for number, line in enumerate(lines, 1) if UNFINISHED.search(line)]


def test_the_rules_see_what_they_forbid(tmp_path: Path) -> None:
    """A rule that never bites guards nothing."""
    bad = ROOT / "central" / "core" / "city.py"
    assert "contract.messages" in set(imports_of(bad))
    assert SQL.search("insert".upper() + " OR IGNORE INTO reading VALUES (?)")
    assert SQL.search("SELECT a,\n b FROM t")
    assert not SQL.search("Select a shelter from the list")
    sample = tmp_path / "sample.py"
    sample.write_text('"""SELECT x FROM docstring"""\nQUERY = "SELECT 1 FROM t"\n', encoding="utf-8")
    assert [text for _, text in texts_of(sample)] == ["SELECT 1 FROM t"]
    assert len(line_writes(ROOT / "edge_agent" / "obey.py")) == 1

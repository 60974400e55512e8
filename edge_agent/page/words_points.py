"""Names of points for people: a group and a quantity, each with its word."""

from __future__ import annotations

from typing import Final

GROUPS: Final[dict[str, tuple[str, str]]] = {
    "pv": ("太陽光", "PV"),
    "battery": ("蓄電池", "Battery"),
    "inverter": ("パワコン", "Inverter"),
    "grid": ("系統(受電点)", "Grid"),
    "backup": ("自立出力", "Backup output"),
    "load": ("負荷", "Load"),
    "balance": ("収支", "Balance"),
    "tier": ("負荷リレー", "Load relays"),
}
QUANTITIES: Final[dict[str, tuple[str, str]]] = {
    "power_w": ("電力", "power"),
    "reactive_power_var": ("無効電力", "reactive power"),
    "dc_power_w": ("直流側の電力", "DC power"),
    "max_charge_power_w": ("充電電力の上限", "most charge power"),
    "max_discharge_power_w": ("放電電力の上限", "most discharge power"),
    "energy_wh": ("積算電力量", "energy"),
    "charge_energy_wh": ("積算充電量", "energy charged"),
    "discharge_energy_wh": ("積算放電量", "energy discharged"),
    "import_energy_wh": ("積算買電量", "energy imported"),
    "export_energy_wh": ("積算売電量", "energy exported"),
    "capacity_wh": ("容量", "capacity"),
    "voltage_v": ("電圧", "voltage"),
    "current_a": ("電流", "current"),
    "frequency_hz": ("周波数", "frequency"),
    "temperature_c": ("温度", "temperature"),
    "soc_pct": ("残量(SoC)", "state of charge"),
    "soh_pct": ("健全度(SoH)", "state of health"),
    "reserve_soc_pct": ("確保する残量", "reserve"),
    "state": ("運転状態", "state"),
    "islanded": ("系統との接続", "grid connection"),
    "fault_bits": ("異常ビット", "fault bits"),
    "fault2_bits": ("異常ビット 2", "fault bits 2"),
    "fault_code": ("異常コード", "fault code"),
    "warning_bits": ("警告ビット", "warning bits"),
    "phase_order": ("相順", "phase order"),
    "clock_s": ("機器の時計", "device clock"),
    "meter_online": ("電力量計との通信", "link to the meter"),
    "error_w": ("差", "difference"),
    "closed": ("接点", "contact"),
}
_NUMBERED: Final = {"pv": ("回路", "String"), "tier": ("リレー", "Relay")}
_PHASES: Final = ("l1", "l2", "l3")


def group_of(point: str) -> str:
    """The group under which a point is shown; trackers belong to PV, relays to one group."""
    group = point.partition(".")[0].rstrip("0123456789")
    return group if group in GROUPS else point.partition(".")[0]


def group_name(group: str, lang: str) -> str:
    """A group in words."""
    return GROUPS.get(group, (group, group))[0 if lang == "ja" else 1]


def point_name(point: str, lang: str) -> str:
    """A point within its group: the tracker or phase, and the quantity."""
    column = 0 if lang == "ja" else 1
    group, _, quantity = point.partition(".")
    number = group.removeprefix(group.rstrip("0123456789"))
    phase, _, rest = quantity.partition("_")
    if phase in _PHASES and rest in QUANTITIES:
        return f"{phase.upper()} {QUANTITIES[rest][column]}"
    name = QUANTITIES.get(quantity, (quantity, quantity))[column]
    if number:
        return f"{_NUMBERED.get(group_of(point), ('', ''))[column]} {number} {name}".strip()
    return name if column == 0 else name[:1].upper() + name[1:]

"""Words for points: a name is a group and a quantity (``battery.soc_pct``), and each has its word."""

from __future__ import annotations

from typing import Final

QUANTITIES: Final[dict[str, tuple[str, str]]] = {
    "group.pv": ("太陽光", "PV"),
    "group.battery": ("蓄電池", "Battery"),
    "group.inverter": ("パワコン", "Inverter"),
    "group.grid": ("系統", "Grid"),
    "group.backup": ("自立出力", "Backup output"),
    "group.load": ("負荷", "Load"),
    "group.balance": ("電力収支", "Power balance"),
    "group.tier": ("負荷区分", "Load tier"),
    "phase.l1": ("L1相", "L1"),
    "phase.l2": ("L2相", "L2"),
    "phase.l3": ("L3相", "L3"),
    "quantity.power_w": ("電力", "power"),
    "quantity.reactive_power_var": ("無効電力", "reactive power"),
    "quantity.max_charge_power_w": ("最大充電電力", "largest charge power"),
    "quantity.max_discharge_power_w": ("最大放電電力", "largest discharge power"),
    "quantity.energy_wh": ("積算電力量", "energy counter"),
    "quantity.charge_energy_wh": ("積算充電量", "charged energy"),
    "quantity.discharge_energy_wh": ("積算放電量", "discharged energy"),
    "quantity.import_energy_wh": ("積算買電量", "imported energy"),
    "quantity.export_energy_wh": ("積算売電量", "exported energy"),
    "quantity.capacity_wh": ("容量", "capacity"),
    "quantity.voltage_v": ("電圧", "voltage"),
    "quantity.current_a": ("電流", "current"),
    "quantity.frequency_hz": ("周波数", "frequency"),
    "quantity.temperature_c": ("温度", "temperature"),
    "quantity.soc_pct": ("残量", "state of charge"),
    "quantity.soh_pct": ("健全度", "state of health"),
    "quantity.reserve_soc_pct": ("非常用の確保量", "reserve"),
    "quantity.state": ("状態", "state"),
    "quantity.islanded": ("自立運転", "islanded"),
    "quantity.fault_bits": ("異常ビット", "fault bits"),
    "quantity.meter_online": ("電力量計の応答", "meter online"),
    "quantity.error_w": ("差", "error"),
    "quantity.closed": ("リレー", "relay"),
}

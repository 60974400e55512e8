"""The files that a fleet leaves for the others: the list of sites, and one configuration per shelter's edge agent."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from simulator.site import buses_of, profiles_of, units_of
from simulator.spec import SiteSpec

COLUMNS: Final = (
    "id",
    "name",
    "name_en",
    "ward",
    "ward_en",
    "kind",
    "latitude",
    "longitude",
    "pv_kw",
    "inverter_kw",
    "battery_kwh",
    "synthetic",
)
CITY_KEY: Final = "city.pub.pem"
STANDING_S: Final = {"grid_lost_s": 30.0, "grid_stable_s": 600.0, "spread_s": 900.0}
"""What a shelter waits for in its world, at the world's usual speed."""
OUTBOX_BYTES_MAX: Final = 268_435_456


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where the simulated devices answer: one loopback address per site, one port per bus."""

    prefix: str = "127.42"
    inverter_port: int = 15_020
    gateway_port: int = 15_021
    link_port: int = 15_030

    def host(self, index: int) -> str:
        """Address of the site with this place in the fleet."""
        high, low = divmod(index, 250)
        return f"{self.prefix}.{high}.{low + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """What every shelter's agent is told besides its devices."""

    mqtt_host: str
    mqtt_port: int
    interval_s: float = 5.0
    slow_interval_s: float = 60.0
    keep_delivered: bool = False
    passwords: Mapping[str, str] | None = None
    """Site → MQTT password; without it agents log in with no name."""
    city_key_pem: bytes | None = None
    """The city's public key: agents with it obey the city. Without it they only read."""
    standing: Mapping[str, float] | None = None
    """Standing orders that differ from the agent's own defaults (``steering.standing`` of a site file)."""
    through_links: bool = False
    """Agents reach the broker through their site's breakable link."""


def standing_at(speed: float) -> dict[str, float] | None:
    """Standing orders where the world runs faster: what they wait for comes sooner. None: the agents' own."""
    if speed <= 1:
        return None
    return {name: round(seconds / speed, 3) for name, seconds in STANDING_S.items()}


def write_sites_csv(path: Path, specs: Sequence[SiteSpec]) -> None:
    """The registry's import file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for spec in specs:
            plant = spec.plant
            writer.writerow(
                (
                    *(spec.id, spec.name, spec.name_en, spec.ward, spec.ward_en, spec.kind.value),
                    *(spec.latitude, spec.longitude),
                    *(plant.pv_w / 1000, plant.inverter_w / 1000, plant.capacity_wh / 1000),
                    "true",
                )
            )


def write_site(folder: Path, spec: SiteSpec, host: str, network: Network, settings: EdgeSettings) -> Path:
    """One shelter's ``site.yaml``, and its password file where there is a password."""
    folder.mkdir(parents=True, exist_ok=True)
    password = (settings.passwords or {}).get(spec.id)
    if password is not None:
        secret = folder / "mqtt.password"
        secret.touch(mode=0o600)
        secret.chmod(0o600)
        secret.write_text(password + "\n", encoding="utf-8")
    if settings.city_key_pem is not None:
        (folder / CITY_KEY).write_bytes(settings.city_key_pem)
    path = folder / "site.yaml"
    config = _config(spec, host, network, settings, has_password=password is not None)
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return path


def read_credentials(path: Path) -> dict[str, str]:
    """Lines of ``site-id password``.

    Raises:
        ValueError: a line that is not of that form; all of them are listed.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        site, _, password = line.strip().partition(" ")
        if password.strip():
            found[site] = password.strip()
        else:
            faults.append(f"{path}:{number}: want 'site-id password'")
    if faults:
        raise ValueError("\n".join(faults))
    return found


def _config(
    spec: SiteSpec, host: str, network: Network, settings: EdgeSettings, *, has_password: bool
) -> dict[str, Any]:
    mqtt: dict[str, Any] = {"host": settings.mqtt_host, "port": settings.mqtt_port}
    if settings.through_links:
        mqtt = {"host": host, "port": network.link_port}
    if has_password:
        mqtt |= {"username": spec.id, "password_file": "mqtt.password"}
    profiles, units = profiles_of(spec), units_of(spec)

    def device(name: str) -> dict[str, Any]:
        return {"id": name, "profile": profiles[name], "unit": units[name]}

    steering: dict[str, Any] = {"backup_rated_w": spec.plant.backup_w, "charge_power_w": spec.plant.charge_w}
    if settings.standing:
        steering["standing"] = dict(settings.standing)
    steered = {"city_keys": [CITY_KEY], "steering": steering}
    return {
        "site": spec.id,
        "name": spec.name,
        "latitude": spec.latitude,
        "longitude": spec.longitude,
        "pv_rated_w": spec.plant.pv_w,
        **(steered if settings.city_key_pem is not None else {}),
        "interval_s": settings.interval_s,
        "slow_interval_s": settings.slow_interval_s,
        "outbox": {
            "path": "outbox.sqlite",
            "bytes_max": OUTBOX_BYTES_MAX,
            "keep_delivered": settings.keep_delivered,
        },
        "mqtt": mqtt,
        "buses": [
            {
                "id": "inverter",
                "tcp": {"host": host, "port": network.inverter_port},
                "devices": [device(name) for name in buses_of(spec)["inverter"]],
            },
            {
                "id": "gateway",
                "tcp": {"host": host, "port": network.gateway_port},
                "devices": [device(name) for name in buses_of(spec)["gateway"]],
            },
        ],
    }

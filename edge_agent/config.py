"""One YAML file configures a site. Everything wrong with it is said at once, each fault with its place.

Secrets stand in files of their own and are named here, so that this file may be shown to anybody.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.points import POINTS
from contract.topics import is_site_id
from device_profiles.load import profile_ids
from edge_agent.config_faults import crossed, keys_twice, unreadable
from edge_agent.config_steering import ByHand, StandingConfig, SteeringConfig

Part = TypeVar("Part")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ConfigError(ValueError):
    """A site file that cannot be used. The text lists every fault with its place in the file."""


def _site_id(text: str) -> str:
    if not is_site_id(text):
        raise ValueError(f"{text!r} is no national shelter ID such as E0000000001111")
    return text


def _profile(text: str) -> str:
    if text.endswith((".yaml", ".yml")):
        return text
    known = profile_ids()
    if text not in known:
        makers = {name.partition("-")[0]: name for name in reversed(known)} | {name: name for name in known}
        near = difflib.get_close_matches(text, makers, n=1)
        hint = f", perhaps {makers[near[0]]!r}?" if near else f", want one of {', '.join(known)} (or a file FILE.yaml)"
        raise ValueError(f"unknown profile {text!r}{hint}")
    return text


_GROUPS = frozenset(name.partition(".")[0] for name in POINTS)


def _point_or_group(text: str) -> str:
    if text not in POINTS and text not in _GROUPS:
        near = difflib.get_close_matches(text, [*POINTS, *_GROUPS], n=1)
        raise ValueError(f"unknown point or group {text!r}" + (f", perhaps {near[0]!r}?" if near else ""))
    return text


def _some(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    # Field(min_length=1) would also complain of a list whose only entry has a fault of its own.
    if not parts:
        raise ValueError("want at least one")
    return parts


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
"""Id of a bus or a device: lower case, so that it can stand in a topic, a tag and a file name."""
Seconds = Annotated[float, Field(gt=0, le=86_400)]
PortNumber = Annotated[int, Field(ge=1, le=65_535)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class OutboxConfig(_Part):
    """Where readings wait until the city's store has them."""

    path: Path = Path("outbox.sqlite")
    bytes_max: Annotated[int, Field(ge=1 << 20)] = 256 * 1024 * 1024
    keep_delivered: bool = False
    """Keep what was delivered until the space is needed (for comparing, not for service)."""
    keep_delivered_h: Annotated[float, Field(ge=0, le=8_760)] = 0
    """Keep what was delivered for so many hours: a city that was put back from a backup can ask for it again."""


class TlsConfig(_Part):
    """Files of the encrypted link to the broker."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _pair(self) -> TlsConfig:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")
        return self


class MqttConfig(_Part):
    """The broker."""

    host: str
    port: PortNumber = 1883
    username: str | None = None
    password_file: Path | None = None
    tls: TlsConfig | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=3_600)] = 30


class TcpConfig(_Part):
    """A device or gateway on the network."""

    host: str
    port: PortNumber = 502


class RtuOverTcpConfig(_Part):
    """A serial line behind a converter that passes its bytes on as they are: no Modbus TCP header."""

    host: str
    port: PortNumber
    baudrate: Annotated[int, Field(ge=300, le=921_600)] = 9_600
    """Of the line behind it: how long to keep silent between two requests."""


class RtuConfig(_Part):
    """A serial line."""

    port: str
    baudrate: Annotated[int, Field(ge=300, le=921_600)] = 9_600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class DeviceConfig(_Part):
    """One Modbus unit."""

    id: Name
    profile: Annotated[str, AfterValidator(_profile)]
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    timeout_s: Seconds | None = None
    """Instead of the profile's."""
    without: tuple[Annotated[str, AfterValidator(_point_or_group)], ...] = ()
    """Points or groups that this plant does not have (``battery`` on a hybrid without one): they are not read."""

    @model_validator(mode="after")
    def _not_ours(self) -> DeviceConfig:
        if self.id == "site":
            raise ValueError("the id 'site' belongs to the derived values")
        return self


class BusConfig(_Part):
    """One line and the units on it. One request at a time."""

    id: Name
    tcp: TcpConfig | None = None
    rtu: RtuConfig | None = None
    rtu_over_tcp: RtuOverTcpConfig | None = None
    devices: Annotated[tuple[DeviceConfig, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _one_way(self) -> BusConfig:
        if sum(way is not None for way in (self.tcp, self.rtu, self.rtu_over_tcp)) != 1:
            raise ValueError("want either tcp: {host, port}, rtu: {port, baudrate} or rtu_over_tcp: {host, port}")
        return self

    @property
    def place(self) -> str:
        """Where the line is, as people write it."""
        network = self.tcp or self.rtu_over_tcp
        if network is not None:
            return f"{network.host}:{network.port}"
        assert self.rtu is not None
        return self.rtu.port


class PageConfig(_Part):
    """The page that a running agent serves on the cabinet's own network."""

    host: str = "127.0.0.1"
    """Address to listen on: that of the cabinet's network, never one that the internet reaches."""
    port: PortNumber = 8_080
    pin_file: Path
    folder: Path = Path()
    """Where commissioning works: the folder of this site file, unless the site file lies elsewhere."""
    cert_file: Path | None = None
    """To serve by https; most cabinets have no name that a certificate could be for."""
    key_file: Path | None = None

    @model_validator(mode="after")
    def _pair(self) -> PageConfig:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")
        return self


class SiteConfig(_Part):
    """A shelter: its devices, how often they are read, and the way to the city."""

    site: Annotated[str, AfterValidator(_site_id)]
    name: str = ""
    interval_s: Seconds = 5.0
    slow_interval_s: Seconds = 60.0
    outbox: OutboxConfig = OutboxConfig()
    mqtt: MqttConfig
    page: PageConfig | None = None
    """Absent: no page."""
    city_keys: tuple[Path, ...] = ()
    """Files with public keys of the city: whose orders this shelter obeys."""
    steering: SteeringConfig | None = None
    """Absent: the agent reads and never writes."""
    latitude: Annotated[float, Field(ge=20, le=46)] | None = None
    """Degrees north; with the longitude a check knows when the sun is down, else it takes all of Japan."""
    longitude: Annotated[float, Field(ge=122, le=154)] | None = None
    """Degrees east."""
    pv_rated_w: Annotated[float, Field(gt=0, le=2_000_000)] | None = None
    """Rating of the modules; with it a check knows the most that the sun can give."""
    buses: Annotated[tuple[BusConfig, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _steered(self) -> SiteConfig:
        if self.city_keys and self.steering is None:
            raise ValueError("city_keys wants a section steering: (it may be empty: {}): else nothing is ever switched")
        ids = {device.id for device in self.devices}
        named = () if self.steering is None else (*self.steering.battery, *self.steering.tiers)
        unknown = [name for name in named if name not in ids]
        if unknown:
            raise ValueError(f"steering names devices that the file does not have: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _place(self) -> SiteConfig:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together: give both or none")
        return self

    @property
    def slow_every(self) -> int:
        """Every how many polls the slow points are read along."""
        return max(1, round(self.slow_interval_s / self.interval_s))

    @property
    def devices(self) -> tuple[DeviceConfig, ...]:
        """All devices in their order."""
        return tuple(device for bus in self.buses for device in bus.devices)


def load_config(path: Path) -> SiteConfig:
    """Read a site file; paths in it are relative to it.

    Raises:
        ConfigError: with every fault and its place.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}), so not YAML either") from None
    try:
        twice = keys_twice(yaml.compose(text, Loader=_LOADER))
        raw = yaml.load(text, Loader=_LOADER)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or error)
        raise ConfigError(f"{path}: {unreadable(text, mark and mark.line + 1, problem)}") from None
    if isinstance(raw, str):
        raise ConfigError(f"{path}: {unreadable(text, None, 'want a mapping with site, mqtt and buses')}")
    if twice:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in twice))
    return parse_config(raw, path)


def parse_config(raw: object, path: Path) -> SiteConfig:
    """Check a site file's content; ``path`` is where it came from.

    Raises:
        ConfigError: with every fault and its place.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: want a mapping with site, mqtt and buses")
    config: SiteConfig | None = None
    faults: list[str] = []
    try:
        config = SiteConfig.model_validate(raw)
    except ValidationError as error:
        faults = [_fault(found) for found in error.errors()]
    faults += crossed(raw)
    if config is None or faults:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults))
    return _anchored(config, path.resolve().parent)


def _place(loc: Iterable[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "file"


def _fault(found: Any) -> str:
    loc = found["loc"]
    place = _place(loc)
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), _keys_at(loc[:-1]), n=1)
        return f"{place}: unknown key" + (f", perhaps {near[0]!r}?" if near else "")
    if found["type"] == "missing":
        return f"{place}: missing"
    message = str(found["msg"]).removeprefix("Value error, ")
    shown = found.get("input")
    if found["type"] == "value_error" or isinstance(shown, dict | list):
        return f"{place}: {message}"
    return f"{place}: {message}, got {shown!r}"


_PARTS: dict[str, type[BaseModel]] = {
    "outbox": OutboxConfig,
    "mqtt": MqttConfig,
    "tls": TlsConfig,
    "tcp": TcpConfig,
    "rtu": RtuConfig,
    "rtu_over_tcp": RtuOverTcpConfig,
    "page": PageConfig,
    "steering": SteeringConfig,
    "standing": StandingConfig,
    "by_hand": ByHand,
    "buses": BusConfig,
    "devices": DeviceConfig,
}


def _keys_at(loc: Iterable[int | str]) -> list[str]:
    """Keys that a part of the file may have."""
    names = [part for part in loc if isinstance(part, str)]
    part = _PARTS[names[-1]] if names else SiteConfig
    return list(part.model_fields)


def _anchored(config: SiteConfig, folder: Path) -> SiteConfig:
    """The same with absolute paths."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    tls = config.mqtt.tls
    if tls is not None:
        files = {"ca_file": at(tls.ca_file), "cert_file": at(tls.cert_file), "key_file": at(tls.key_file)}
        tls = tls.model_copy(update=files)
    mqtt = config.mqtt.model_copy(update={"password_file": at(config.mqtt.password_file), "tls": tls})
    outbox = config.outbox.model_copy(update={"path": folder / config.outbox.path})
    page = config.page
    if page is not None:
        paths = {name: at(getattr(page, name)) for name in ("pin_file", "folder", "cert_file", "key_file")}
        page = page.model_copy(update=paths)
    buses = tuple(_bus_at(bus, folder) for bus in config.buses)
    keys = tuple(folder / path for path in config.city_keys)
    changed = {"mqtt": mqtt, "outbox": outbox, "page": page, "buses": buses, "city_keys": keys}
    return config.model_copy(update=changed)


def _bus_at(bus: BusConfig, folder: Path) -> BusConfig:
    devices = tuple(
        device.model_copy(update={"profile": str(folder / device.profile)})
        if device.profile.endswith((".yaml", ".yml"))
        else device
        for device in bus.devices
    )
    return bus.model_copy(update={"devices": devices})

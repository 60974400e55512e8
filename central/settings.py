"""Settings of the service: defaults, then the YAML file, then the environment, then the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from central.access import FILE
from central.settings_oidc import OidcSettings
from central.settings_url import address_of

ENVIRONMENT: Final = "SHELTER_"
"""``mqtt.password_file`` is ``SHELTER_MQTT_PASSWORD_FILE`` in the environment."""
CONFIG: Final = "SHELTER_CONFIG"
"""Names the settings file where no ``--config`` does, so that no command works on other databases by oversight."""


Host = Annotated[str, Field(min_length=1)]


class SettingsError(Exception):
    """Settings that can't be used. The text names every fault and its place."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class StoreKind(StrEnum):
    """Where readings are kept."""

    SQLITE = "sqlite"
    INFLUX = "influx"


class StoreSettings(_Section):
    """``sqlite``: a file in the data folder. ``influx``: InfluxDB 1.8 or later by its v2 write API."""

    kind: StoreKind = StoreKind.SQLITE
    url: str = "http://127.0.0.1:8086"
    token_file: Path | None = None
    bucket: str = "shelter"
    rollup_bucket: str = "shelter_rollup"
    """Half hours, days and events for dashboards, kept for good (``shelter-central init-store`` makes both)."""
    raw_days: Annotated[int, Field(ge=0, le=36_500)] = 400
    """How long ``init-store`` lets InfluxDB keep raw readings, in days; 0: for good."""
    org: str = "-"

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        # Addresses are shown in logs and by /readyz, so they may hold no secret.
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("store.url: want http://HOST:PORT or https://HOST:PORT")
        if parts.username is not None or parts.password is not None:
            raise ValueError("store.url holds a user or a password: put user:password into store.token_file")
        return url


class TlsSettings(_Section):
    """Certificate files of the connection to the broker."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class MqttSettings(_Section):
    """The broker. ``client_id`` names the session that the broker keeps, so two services may not share it."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 1883
    user: str | None = None
    password_file: Path | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=64)] = "shelter-central"
    tls: TlsSettings | None = None


class HttpSettings(_Section):
    """Where API and pages are served. Port 0: any free one."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    public_url: str | None = None
    """Address under which people reach the pages, such as https://shelters.city.example: with https its cookies
    travel encrypted only, and requests for another host name are refused."""
    allowed_hosts: list[Host] = []
    """Further names under which the service may be asked, such as that of a proxy's health check. Without these and
    without ``public_url`` every name is taken."""

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.path.strip("/"):
            raise ValueError("http.public_url: want https://HOST without a path")
        return url.rstrip("/")


class CitySettings(_Section):
    """The name that the pages show."""

    name: str = "千葉市"
    name_en: str = "Chiba City"


class SteeringSettings(_Section):
    """What every order to a shelter says besides its mode, and how long a shelter may take."""

    reserve_pct: Annotated[float, Field(ge=0, le=100)] = 30.0
    """Kept for an outage in normal mode."""
    grid_lost_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """Grid gone for so long: the shelter goes into backup by itself."""
    grid_stable_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """Grid back for so long: the shelter goes back by itself."""
    spread_s: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    """Over so long the shelters' return is spread."""
    valid_days: Annotated[float, Field(gt=0, le=365)] = 30.0
    """How long a shelter that was cut off may still take an order."""
    answered_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    verified_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    person_s: Annotated[float, Field(gt=0, le=86_400)] = 1_800.0
    """To the first receipt, from there to the proof, and for somebody to switch there; then it is on the crew list."""


HookName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class FeedSettings(_Section):
    """Alerts from outside. Without a file of rules nothing is polled, read or taken."""

    rules: Path | None = None
    """YAML file of rules (``shelter-central triggers check`` checks it)."""
    places: Path | None = None
    """YAML file with the codes of the city's wards; without it those of the demonstration."""
    jma: bool = False
    """Whether to poll the weather agency's feeds."""
    jma_url: str = "https://www.data.jma.go.jp/developer/xml/feed/"
    folder: Path | None = None
    """A folder into which telegrams are dropped."""
    hooks: dict[HookName, Path] = {}
    """Webhook's name → file with its secret."""
    drills: bool = True
    """Whether a training telegram leads to a drill."""

    @field_validator("jma_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise ValueError("feeds.jma_url: want https://HOST/PATH/, without a user")
        return url


class OutgoingSettings(_Section):
    """What webhooks and notifications to subscribers may reach besides the public internet."""

    allow_hosts: list[Host] = []
    """Hosts in networks of one's own (or loopback), by the name or address that is written there."""


class OpenDataSettings(_Section):
    """Terms of the open data files, and who speaks in alerts."""

    licence: Annotated[str, Field(min_length=1, max_length=100)] = "CC BY 4.0"
    licence_url: Annotated[str, Field(pattern=r"^https?://[^\s<>\"]{1,300}$")] = (
        "https://creativecommons.org/licenses/by/4.0/deed.ja"
    )
    cap_sender: Annotated[str, Field(pattern=r"^[^\s,<&]{1,100}$")] | None = None
    """CAP's sender, a name that is the city's alone: bosai@city.example. Default: the host of http.public_url."""


class AccountingSettings(_Section):
    """Tables that statements and CO2 reports are made with. Without a file: samples, which say that they are none."""

    prices: Path | None = None
    """YAML file of prices by period and of the tax."""
    factors: Path | None = None
    """YAML file of emission factors with their sources."""


class MailSecurity(StrEnum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """A relay of one's own network that knows no other way; it takes no password then."""


class MailSettings(_Section):
    """The mail server that messages to people go through. Without ``host`` there is no mail."""

    host: Host | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: MailSecurity = MailSecurity.STARTTLS
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    """Certificate authority of a server of one's own."""
    sender: Annotated[str, Field(pattern=r"^[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}$")] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.host is not None and self.sender is None:
            raise ValueError("notify.mail.sender is missing: the address that messages come from")
        if (self.user is None) != (self.password_file is None):
            raise ValueError("notify.mail: user and password_file belong together")
        if self.security is MailSecurity.NONE and self.user is not None:
            raise ValueError("notify.mail.security none would send the password in clear: use starttls or tls")
        return self


class NotifySettings(_Section):
    """Messages to people. Without a file of rules nobody is told anything."""

    rules: Path | None = None
    """YAML file of people and rules (``shelter-central notify rules check`` checks it)."""
    mail: MailSettings = MailSettings()
    line_token_file: Path | None = None
    """Channel access token of LINE's Messaging API."""
    line_url: str = "https://api.line.me"
    """LINE's API; another address is for tests."""
    webhook_secret_file: Path | None = None
    """Signs what goes to people's webhooks."""
    apprise: dict[HookName, Path] = {}
    """Name → file with an address of the Apprise library, which mostly holds a password."""

    @field_validator("line_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise ValueError("notify.line_url: want https://HOST")
        return url.rstrip("/")


class PublicSettings(_Section):
    """What citizens read."""

    policy: Path | None = None
    """YAML file that says what is published (``shelter-central public policy check`` checks it)."""


class AlertSettings(_Section):
    """Alerts of everyday operation: a silent shelter, a plant that gives too little."""

    rules: Path | None = None
    """YAML file of alert rules (``shelter-central alerts check`` checks it); without it those of the program."""


class Settings(_Section):
    """Everything that the service can be told."""

    data: Path
    records_url: str | None = None
    """Database of sites, events and ledger; without it a file in the data folder."""
    records_password_file: Path | None = None
    """The password of the user in ``records_url``, so that the address may be shown to anybody."""
    store: StoreSettings = StoreSettings()
    mqtt: MqttSettings = MqttSettings()
    http: HttpSettings = HttpSettings()
    oidc: OidcSettings = OidcSettings()
    city: CitySettings = CitySettings()
    steering: SteeringSettings = SteeringSettings()
    feeds: FeedSettings = FeedSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    notify: NotifySettings = NotifySettings()
    alerts: AlertSettings = AlertSettings()
    opendata: OpenDataSettings = OpenDataSettings()
    accounting: AccountingSettings = AccountingSettings()
    public: PublicSettings = PublicSettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        address_of(self.records_url, self.records_password_file)
        if self.store.kind is StoreKind.INFLUX and self.store.token_file is None:
            raise ValueError("store.kind influx wants store.token_file, a file with the token (1.x: user:password)")
        if self.oidc.issuer is not None and self.http.public_url is None:
            raise ValueError("oidc wants http.public_url: the provider sends people back to it")
        return self

    @property
    def telemetry_path(self) -> Path:
        """File of the SQLite store."""
        return self.data / "telemetry.sqlite"

    @property
    def key_path(self) -> Path:
        """The city's private key, with which orders are signed."""
        return self.data / "city-key.pem"

    @property
    def access_path(self) -> Path:
        """Where a running service tells commands on this machine its address and its token."""
        return self.data / FILE

    @property
    def records_address(self) -> str | Path:
        """Database of the records."""
        return address_of(self.records_url, self.records_password_file) or self.data / "records.sqlite"


def load(
    path: Path | None, environment: Mapping[str, str], options: Mapping[str, object], *, data: Path | None = None
) -> Settings:
    """Put the settings together. ``options``: dotted name → value, ``None`` where nothing was said.

    Raises:
        SettingsError: names every fault.
    """
    if path is None and (named := environment.get(CONFIG)):
        path = Path(named)
    given = _read(path) if path is not None else {}
    for name in _names(Settings):
        text = environment.get(ENVIRONMENT + name.replace(".", "_").upper())
        if text is not None:
            _put(given, name, text)
    for name, value in options.items():
        if value is not None:
            _put(given, name, value)
    if data is not None:
        given["data"] = data
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        where = f"{path}: " if path is not None else ""
        raise SettingsError("\n".join(where + line for line in _explained(error))) from None


def read_secret(path: Path | None) -> str | None:
    """A password or token from its file, without the line end.

    Raises:
        SettingsError: the file can't be read.
    """
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: {error}") from None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise SettingsError(f"{path}: want names and values, such as 'http: {{port: 8080}}'")
    return given


def _names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, about in section.model_fields.items():
        kinds = [kind for kind in (about.annotation, *getattr(about.annotation, "__args__", ())) if _is_section(kind)]
        if kinds:
            yield from _names(kinds[0], f"{prefix}{name}.")
        else:
            yield prefix + name


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _put(given: dict[str, Any], name: str, value: object) -> None:
    *sections, last = name.split(".")
    for section in sections:
        inner = given.get(section)
        if not isinstance(inner, dict):
            inner = given[section] = {}
        given = inner
    given[last] = value


def _explained(error: ValidationError) -> Iterator[str]:
    known = list(_names(Settings))
    for fault in error.errors():
        name = ".".join(str(part) for part in fault["loc"]) or "settings"
        if fault["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, known, n=1)
            yield f"{name}: unknown key" + (f", perhaps {near[0]!r}" if near else "")
        elif fault["type"] == "missing" and name == "data":
            yield "data: name the folder for the service's files (--data DIR)"
        else:
            yield f"{name}: {fault['msg']}, got {fault['input']!r}" if fault["type"] != "value_error" else fault["msg"]

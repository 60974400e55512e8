"""What the city made for a shelter (``shelter-central provision``): a ZIP, or the folder that it was unpacked to.

Everything in it is checked before anything of it is used: a certificate that the broker will refuse is told here, in
daylight and with a remedy, and not as a silent shelter later.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import yaml
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from contract.topics import is_site_id
from edge_agent.commissioning.taking import StepError
from edge_agent.config import MqttConfig, OutboxConfig
from edge_agent.words import tokyo_time

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CA: Final = "ca.crt"
CERTIFICATE: Final = "client.crt"
KEY: Final = "client.key"
CITY_KEY: Final = "city.pub.pem"
_SITE_FILE: Final = "site.yaml"
_NAMES: Final = (CA, CERTIFICATE, KEY, CITY_KEY, _SITE_FILE)
_FILE_BYTES_MAX: Final = 65_536
_ZIP_FILES_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that was found right."""

    site: str
    name: str
    mqtt: MqttConfig
    outbox: OutboxConfig
    key_file: str
    """Where the key lies, seen from the commissioning's folder."""
    files: Mapping[str, bytes]
    """Name → content of what belongs into that folder."""
    beginning: bytes
    """Its site file when that has no devices yet: such a one in the commissioning's folder is no site file."""
    ends_s: float
    """When the certificate ends, UTC seconds."""


def _known_site(text: str) -> str:
    if not is_site_id(text):
        raise ValueError(f"{text!r} is no national shelter ID such as E0000000001111")
    return text


class _SiteFile(BaseModel):
    """The beginning of a site file. Devices are not in it yet."""

    site: Annotated[str, AfterValidator(_known_site)]
    name: Annotated[str, Field(max_length=200)] = ""
    mqtt: MqttConfig
    outbox: OutboxConfig = OutboxConfig()
    buses: object = None


def open_bundle(path: Path, folder: Path, own_keys: tuple[str, ...], *, site: str, now_s: float) -> Bundle:
    """Read and check a bundle.

    Args:
        path: the ZIP, or a folder with what was in it.
        folder: the commissioning's.
        own_keys: where in it the box keeps a key that it made itself, most likely first.
        site: the shelter that is commissioned; empty when that is not known yet.
        now_s: this machine's time, UTC seconds.

    Raises:
        StepError: ``bundle_…`` (words_bundle.py): it is no bundle, lacks something, or its parts do not fit.
    """
    files = _of_folder(path) if path.is_dir() else _of_zip(path)
    for name in (CA, CERTIFICATE, _SITE_FILE):
        if name not in files:
            raise StepError("bundle_lacks", path=str(path), name=name)
    told = _site_file(path, files[_SITE_FILE])
    if site and told.site != site:
        raise StepError("bundle_other_site", path=str(path), site=told.site, wanted=site)
    certificate = _certificate(path, files, told.site, now_s)
    if CITY_KEY in files:
        _check_city_key(path, files[CITY_KEY])
    return Bundle(
        site=told.site,
        name=told.name,
        mqtt=told.mqtt,
        outbox=told.outbox,
        key_file=_key_file(path, files, certificate, folder, own_keys),
        files={name: content for name, content in files.items() if name != _SITE_FILE},
        beginning=files[_SITE_FILE] if told.buses is None else b"",
        ends_s=certificate.not_valid_after_utc.timestamp(),
    )


def _of_folder(path: Path) -> dict[str, bytes]:
    found = {}
    for file in (path / name for name in _NAMES if (path / name).is_file()):
        try:
            if file.stat().st_size > _FILE_BYTES_MAX:
                raise StepError("bundle_bad", path=str(file), why=f"> {_FILE_BYTES_MAX} bytes")
            found[file.name] = file.read_bytes()
        except OSError as error:
            raise StepError("bundle_unreadable", path=str(file), why=error.strerror or str(error)) from None
    return found


def _of_zip(path: Path) -> dict[str, bytes]:
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [one for one in archive.infolist() if not one.is_dir()]
            folders = {one.filename.rpartition("/")[0] for one in infos}
            if len(folders) > 1 or len(infos) > _ZIP_FILES_MAX:
                raise StepError("bundle_bad", path=str(path), why=f"{len(folders)} folders, {len(infos)} files")
            for one in infos:
                name = one.filename.rpartition("/")[2]
                if name not in _NAMES:
                    continue
                with archive.open(one) as file:
                    content = file.read(_FILE_BYTES_MAX + 1)
                if len(content) > _FILE_BYTES_MAX:
                    raise StepError("bundle_bad", path=f"{path}: {name}", why=f"> {_FILE_BYTES_MAX} bytes")
                found[name] = content
    except OSError as error:
        raise StepError("bundle_unreadable", path=str(path), why=error.strerror or str(error)) from None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        # A locked or half ZIP comes as one of these.
        raise StepError("bundle_bad", path=str(path), why=str(error)) from None
    return found


def _site_file(path: Path, content: bytes) -> _SiteFile:
    try:
        raw = yaml.safe_load(content.decode("utf-8-sig"))
        return _SiteFile.model_validate(raw)
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = str(error)
    raise StepError("bundle_bad", path=f"{path}: {_SITE_FILE}", why=why)


def _certificate(path: Path, files: Mapping[str, bytes], site: str, now_s: float) -> Certificate:
    """The shelter's certificate. Raises ``StepError`` when the broker would not take it."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509.oid import NameOID

    ours, authority = (_x509(f"{path}: {name}", files[name]) for name in (CERTIFICATE, CA))
    named = [str(one.value) for one in ours.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if named != [site]:
        raise StepError("bundle_other_name", path=f"{path}: {CERTIFICATE}", name=", ".join(named) or "–", site=site)
    try:
        ours.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        raise StepError("bundle_not_signed", path=f"{path}: {CERTIFICATE}", authority=CA) from None
    for name, one in ((CA, authority), (CERTIFICATE, ours)):
        begins_s, ends_s = one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()
        facts = {"path": f"{path}: {name}", "now": tokyo_time(now_s)}
        if now_s > ends_s:
            raise StepError("bundle_ended", ended=tokyo_time(ends_s), site=site, **facts)
        if now_s < begins_s:
            raise StepError("bundle_too_early", begins=tokyo_time(begins_s), **facts)
    return ours


def _x509(where: str, content: bytes) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(content)
    except ValueError as error:
        raise StepError("bundle_bad", path=where, why=str(error)) from None


def _key_file(
    path: Path, files: Mapping[str, bytes], certificate: Certificate, folder: Path, own_keys: tuple[str, ...]
) -> str:
    """Which key is the certificate's: the one that came along, else one of the box's own."""
    from cryptography.hazmat.primitives import serialization as how

    def public_of(key: Any) -> bytes:
        return bytes(key.public_bytes(how.Encoding.DER, how.PublicFormat.SubjectPublicKeyInfo))

    wanted = public_of(certificate.public_key())
    candidates = {KEY: files[KEY]} if KEY in files else {}
    if not candidates:
        for name in own_keys:
            try:
                candidates[name] = (folder / name).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StepError("bundle_unreadable", path=str(folder / name), why=error.strerror or "") from None
    if not candidates:
        raise StepError("bundle_no_key", path=str(path), folder=str(folder))
    for name, content in candidates.items():
        try:
            key = how.load_pem_private_key(content, password=None)
        except (ValueError, TypeError):
            continue
        if public_of(key.public_key()) == wanted:
            return name
    where = f"{path}: {KEY}" if KEY in files else ", ".join(str(folder / name) for name in candidates)
    raise StepError("bundle_other_key", path=where)


def _check_city_key(path: Path, content: bytes) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        is_right = isinstance(load_pem_public_key(content), Ed25519PublicKey)
    except (ValueError, UnsupportedAlgorithm):
        is_right = False
    if not is_right:
        raise StepError("bundle_bad", path=f"{path}: {CITY_KEY}", why="want an Ed25519 public key (PEM)")

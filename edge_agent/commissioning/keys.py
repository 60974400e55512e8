"""The keys of a shelter's box, made once beside its site file and never replaced by us.

``report.key`` (Ed25519) signs what the shelter says of itself. ``edge.key`` (P-256) is for the encrypted link to the
broker; ``edge.csr`` asks the city for its certificate. Private keys are readable by their owner alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contract.signing import KeyFileError, Signer
from edge_agent.commissioning.files import write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import CertificateSigningRequest

KEYS: Final = "keys"
"""Their folder beside the site file."""
REPORT_KEY: Final = "report.key"
LINK_KEY: Final = "edge.key"
REQUEST: Final = "edge.csr"
_PRIVATE: Final = 0o600


class KeysError(Exception):
    """A key file that is there cannot be used. The text names the file and says what to try."""


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """What a shelter's box proves itself with."""

    signer: Signer
    request_path: Path
    """The certificate request (PEM), to be signed by the city."""
    request_sha256: str
    is_new: bool
    """Whether the signing key was made just now."""


def keys_of(folder: Path, site: str) -> SiteKeys:
    """The keys in a folder; those that are missing are made.

    Raises:
        KeysError: a key file cannot be read or holds no such key. It is left as it is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        report_key = folder / REPORT_KEY
        is_new = not report_key.exists()
        if is_new:
            write_whole(report_key, Signer.new().pem(), mode=_PRIVATE)
        signer = _signer(report_key)
        request_path = folder / REQUEST
        request = _request(folder / LINK_KEY, request_path, site)
    except OSError as error:
        raise KeysError(f"{error.filename or folder}: {error.strerror or error}; check the folder's owner") from None
    return SiteKeys(signer, request_path, hashlib.sha256(request).hexdigest(), is_new)


def _signer(path: Path) -> Signer:
    try:
        return Signer.of_pem(path.read_bytes())
    except KeyFileError as error:
        raise KeysError(f"{path}: {error}; put the right file back, or move it away and commission again") from None


def _request(key_path: Path, request_path: Path, site: str) -> bytes:
    """The certificate request for a site, made anew when it is not there or is another site's."""
    from cryptography.hazmat.primitives import serialization as how

    key = _link_key(key_path)
    if request_path.exists():
        present = request_path.read_bytes()
        if _is_for(present, site, key):
            return present
    made = _signed_request(key, site).public_bytes(how.Encoding.PEM)
    write_whole(request_path, made)
    return made


def _link_key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as how
    from cryptography.hazmat.primitives.asymmetric import ec

    if not path.exists():
        fresh = ec.generate_private_key(ec.SECP256R1())
        pem = fresh.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption())
        write_whole(path, pem, mode=_PRIVATE)
    try:
        key = how.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeysError(f"{path}: holds no P-256 key; put the right file back, or move it away and commission again")
    return key


def _signed_request(key: EllipticCurvePrivateKey, site: str) -> CertificateSigningRequest:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, site)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())


def _is_for(pem: bytes, site: str, key: EllipticCurvePrivateKey) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError:
        return False
    names = [str(each.value) for each in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return names == [site] and request.public_key() == key.public_key() and request.is_signature_valid

"""The city's own certificate authority in a folder, and what it signs.

``ca.key`` (0600, with a passphrase where one is given) may live elsewhere than the service: on a stick in a safe, or on
a machine without a network. ``ca.crt`` and ``crl.pem`` are no secrets; the broker reads them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as how
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from central.core.provisioning import BACKDATED_MS, CENTRAL, Issued, Kind, span_ms

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
RSA_BITS_MIN: Final = 2_048
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class ProvisionError(Exception):
    """A certificate can't be made or a file can't be used. The text says which, why, and what to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new certificate, and its key where that was made here (PEM)."""

    issued: Issued
    key_pem: bytes | None = None


class Authority:
    """The city's authority. Make it with ``make`` or ``open``."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.folder = folder
        self._key = key
        self._certificate = certificate

    @classmethod
    def make(cls, folder: Path, name: str, *, passphrase: bytes | None, by: str, now_ms: int) -> tuple[Authority, Made]:
        """A new authority in a folder that has none.

        Raises:
            ProvisionError: there is one already, or the disk says no.
        """
        key_file = folder / "ca.key"
        if key_file.exists() or (folder / "ca.crt").exists():
            raise ProvisionError(f"{folder}: there is an authority already, and every shelter trusts it (--ca DIR)")
        key = ec.generate_private_key(ec.SECP256R1())
        from_ms, ends_ms = span_ms(Kind.AUTHORITY, now_ms)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = (
            _builder(subject, subject, key.public_key(), from_ms, ends_ms)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        lock = how.BestAvailableEncryption(passphrase) if passphrase else how.NoEncryption()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ProvisionError(f"{folder}: {error.strerror}") from None
        put(key_file, key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, lock), PRIVATE)
        put(folder / "ca.crt", built.public_bytes(how.Encoding.PEM), PUBLIC)
        made = cls(folder, key, built)
        return made, Made(issued=_issued(built, Kind.AUTHORITY, name, by, now_ms))

    @classmethod
    def open(cls, folder: Path, *, passphrase: bytes | None) -> Authority:
        """The authority of a folder.

        Raises:
            ProvisionError: there is none, others can read its key, or the passphrase is not the right one.
        """
        key_file, certificate_file = folder / "ca.key", folder / "ca.crt"
        try:
            others = key_file.stat().st_mode & 0o077
            pem, certificate = key_file.read_bytes(), x509.load_pem_x509_certificate(certificate_file.read_bytes())
        except FileNotFoundError as error:
            raise ProvisionError(
                f"{error.filename}: no authority here; make one (shelter-central certificates init) or name its folder "
                "(--ca DIR)"
            ) from None
        except (OSError, ValueError) as error:
            raise ProvisionError(f"{folder}: {error}") from None
        if others:
            raise ProvisionError(f"{key_file}: others can read it: chmod 600 {key_file}")
        try:
            key = how.load_pem_private_key(pem, password=passphrase)
        except TypeError:
            hint = "it has none: leave --passphrase-file out" if passphrase else "give its file: --passphrase-file FILE"
            raise ProvisionError(f"{key_file}: about the passphrase: {hint}") from None
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ProvisionError(f"{key_file}: wrong passphrase, or no key ({error})") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ProvisionError(f"{key_file} and {certificate_file} do not belong together")
        return cls(folder, key, certificate)

    @property
    def pem(self) -> bytes:
        """The authority's certificate, which shelters and broker trust."""
        return self._certificate.public_bytes(how.Encoding.PEM)

    @property
    def ends_ms(self) -> int:
        """Until when anything that it signs can hold, UTC ms."""
        return _ms(self._certificate.not_valid_after_utc)

    def sign(
        self, kind: Kind, name: str, key: PublicKey, *, by: str, now_ms: int, hosts: Sequence[str] = (), days: int = 0
    ) -> Issued:
        """A certificate for a key. ``hosts``: names and addresses of a broker; ``days``: other than usual.

        A client's certificate serves no broker and a broker's opens nothing as a client.

        Raises:
            ProvisionError: the authority has ended.
        """
        try:
            from_ms, ends_ms = span_ms(kind, now_ms, authority_ends_ms=self.ends_ms, days=days)
        except ValueError as error:
            raise ProvisionError(str(error)) from None
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if kind is Kind.BROKER else ExtendedKeyUsageOID.CLIENT_AUTH
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(subject, self._certificate.subject, key, from_ms, ends_ms)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(authority, critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        return _issued(builder.sign(self._key, hashes.SHA256()), kind, name, by, now_ms)

    def adopt(self, pem: bytes, *, by: str, where: str) -> Issued:
        """A certificate that it signed and that the records do not know (they were put back from an older backup).

        Raises:
            ProvisionError: it is none, or another authority's.
        """
        try:
            found = x509.load_pem_x509_certificate(pem)
            found.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise ProvisionError(f"{where}: no certificate of this authority ({error or 'signature'})") from None
        (name,) = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        purpose = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        kind = Kind.BROKER if ExtendedKeyUsageOID.SERVER_AUTH in purpose else Kind.SITE
        kind = Kind.CENTRAL if kind is Kind.SITE and name.value == CENTRAL else kind
        return _issued(found, kind, str(name.value), by, _ms(found.not_valid_before_utc) + BACKDATED_MS)

    def revocations(self, issued: Iterable[Issued], now_ms: int) -> bytes:
        """The list of what was withdrawn, for the broker (PEM).

        It holds as long as the authority: a list that runs out would shut out every shelter, and the broker reads ours
        from its own disk, so nobody can hold back a newer one.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(_when(now_ms))
            .next_update(_when(self.ends_ms))
        )
        for one in issued:
            if one.revoked_ms:
                number, at = int(one.serial, 16), _when(one.revoked_ms)
                entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(at).build()
                builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(how.Encoding.PEM)


def new_key() -> tuple[PublicKey, bytes]:
    """A key for a client or broker: its public part, and the whole as PEM without a passphrase."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.public_key(), key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption())


def key_of_request(pem: bytes, site: str, *, where: str) -> PublicKey:
    """The key of a certificate request that a shelter's box made.

    Raises:
        ProvisionError: it is none, was changed on its way, is for another shelter, or its key is weak.
    """
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        is_whole = request.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise ProvisionError(f"{where}: no certificate request in PEM form ({error})") from None
    if not is_whole:
        raise ProvisionError(f"{where}: its signature does not fit; it was changed on its way")
    names = [str(name.value) for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [site]:
        raise ProvisionError(f"{where}: made for {', '.join(names) or 'no name'}, not for {site}")
    return _strong(key, where)


def key_of_certificate(issued: Issued) -> PublicKey:
    """The key that a certificate is for: a renewal is for the same one, so no secret travels."""
    return _strong(x509.load_pem_x509_certificate(issued.pem.encode()).public_key(), issued.name)


def hosts_of(issued: Issued) -> list[str]:
    """Names and addresses that a broker's certificate is for."""
    certificate = x509.load_pem_x509_certificate(issued.pem.encode())
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found]


def put(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all; it never stands there with other rights than these.

    Raises:
        ProvisionError: the disk says no.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror} (may this user write there?)") from None


def _strong(key: object, where: str) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return key
    raise ProvisionError(f"{where}: want a key of elliptic curves, or RSA of {RSA_BITS_MIN} bits or more")


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, from_ms: int, ends_ms: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_when(from_ms))
        .not_valid_after(_when(ends_ms))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _issued(certificate: x509.Certificate, kind: Kind, name: str, by: str, now_ms: int) -> Issued:
    return Issued(
        serial=f"{certificate.serial_number:x}",
        kind=kind,
        name=name,
        pem=certificate.public_bytes(how.Encoding.PEM).decode("ascii"),
        by=by,
        made_ms=now_ms,
        from_ms=_ms(certificate.not_valid_before_utc),
        ends_ms=_ms(certificate.not_valid_after_utc),
    )


def _when(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1_000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)

"""Ed25519 signatures over exact bytes: who wrote a document, and that nobody changed it since.

Keys travel as their 32 raw bytes; files hold PEM (PKCS #8), which openssl reads as well. A signature is over the bytes
of the file as it lies on disk, so that ``openssl pkeyutl -verify -rawin`` proves it without this program.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


class KeyFileError(ValueError):
    """A key file that does not hold an Ed25519 private key. The text says what it holds, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key. Never shown: its text is its fingerprint."""

    _key: Ed25519PrivateKey

    @classmethod
    def new(cls) -> Signer:
        """A fresh key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_pem(cls, pem: bytes) -> Signer:
        """The key of a PEM file without a passphrase.

        Raises:
            KeyFileError: it is none.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"no private key in PEM form without a passphrase: {error}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"want an Ed25519 key, this is {type(key).__name__}")
        return cls(key)

    def pem(self) -> bytes:
        """The private key as a PEM file, without a passphrase: keep it readable by its owner alone."""
        from cryptography.hazmat.primitives import serialization as how

        return self._key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption())

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, document: bytes) -> bytes:
        """The signature of a document, 64 bytes."""
        return self._key.sign(document)

    def __repr__(self) -> str:
        return f"Signer({fingerprint(self.public)})"


def is_signed_by(public: bytes, document: bytes, signature: bytes) -> bool:
    """Whether the owner of this public key signed exactly this document. A malformed key or signature means no."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, document)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_pem(public: bytes) -> bytes:
    """A public key as PEM, for openssl. Raises ``ValueError`` when it is none."""
    from cryptography.hazmat.primitives import serialization as how
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(how.Encoding.PEM, how.PublicFormat.SubjectPublicKeyInfo)


def fingerprint(public: bytes) -> str:
    """A public key in a form that two people can compare by telephone: ``1a2b-3c4d-…``, 64 bits of its SHA-256."""
    digest = hashlib.sha256(public).hexdigest()[:16]
    return "-".join(digest[n : n + 4] for n in range(0, 16, 4))


def in_text(raw: bytes) -> str:
    """Key or signature as text (base64)."""
    return base64.b64encode(raw).decode("ascii")


def of_text(text: str, *, length: int) -> bytes | None:
    """Key or signature from its text; None when it is not of that length or no base64."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == length else None

"""Secrets in a backup: locked with a passphrase (scrypt, AES-256 in GCM), so that a backup may lie anywhere."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_MARK: Final = b"SHELTER-SEALED-1"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
PASSPHRASE_CHARS_MIN: Final = 12


class SealError(ValueError):
    """It can't be opened or locked with this passphrase. The text says why."""


def seal(content: bytes, passphrase: str) -> bytes:
    """Lock a content.

    Raises:
        SealError: the passphrase is too short to protect anything.
    """
    if len(passphrase) < PASSPHRASE_CHARS_MIN:
        raise SealError(f"the passphrase has fewer than {PASSPHRASE_CHARS_MIN} characters")
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    return _MARK + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, content, _MARK)


def unseal(sealed: bytes, passphrase: str) -> bytes:
    """Open what ``seal`` has locked.

    Raises:
        SealError: another passphrase, or it was changed.
    """
    head = len(_MARK)
    if not sealed.startswith(_MARK) or len(sealed) < head + _SALT_BYTES + _NONCE_BYTES:
        raise SealError("it holds no sealed secrets")
    salt, rest = sealed[head : head + _SALT_BYTES], sealed[head + _SALT_BYTES :]
    try:
        return AESGCM(_key(passphrase, salt)).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _MARK)
    except InvalidTag:
        raise SealError("wrong passphrase, or it was changed") from None


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())

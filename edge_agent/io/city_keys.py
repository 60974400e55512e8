"""Public keys of the city, whose signatures this shelter trusts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from contract.signing import fingerprint


class CityKeyError(ValueError):
    """A key file that cannot be used. The text says which and why."""


def read_keys(paths: Iterable[Path]) -> dict[str, bytes]:
    """Fingerprint → public key of every file.

    Raises:
        CityKeyError: all faults of all files.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys: dict[str, bytes] = {}
    faults: list[str] = []
    for path in paths:
        try:
            key = load_pem_public_key(path.read_bytes())
        except OSError as error:
            faults.append(f"city_keys: {path}: {error.strerror or error}")
            continue
        except (ValueError, UnsupportedAlgorithm):
            faults.append(f"city_keys: {path}: no public key in PEM form; shelter-central keys export writes one")
            continue
        if not isinstance(key, Ed25519PublicKey):
            faults.append(f"city_keys: {path}: want an Ed25519 key, this is {type(key).__name__}")
            continue
        raw = key.public_bytes_raw()
        keys[fingerprint(raw)] = raw
    if faults:
        raise CityKeyError("\n".join(faults))
    return keys

"""The PIN that opens the page: a salted hash in a file of its own, and the count of wrong tries beside it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from edge_agent.commissioning.files import write_whole
from edge_agent.page.tries import WAIT_MS_MAX, Tries, after_wrong, wait_ms

DIGITS_MIN: Final = 6
DIGITS_MADE: Final = 8
DIGITS_MAX: Final = 32
_PRIVATE: Final = 0o600
_N, _R, _P = 2**14, 8, 1
_COST_MAX: Final = 64 * 1024 * 1024
_FILE_BYTES_MAX: Final = 4_096
_TRIES: Final = ".tries"


class PinError(Exception):
    """The PIN file cannot be used. The text names the file and says what to try."""


class Answer(Enum):
    """What came of a PIN that somebody typed."""

    RIGHT = "right"
    WRONG = "wrong"
    SHUT = "shut"
    """It was not looked at: too many were wrong."""


@dataclass(frozen=True, slots=True)
class PinHash:
    """What the file keeps instead of the PIN."""

    salt: bytes
    digest: bytes
    n: int = _N
    r: int = _R
    p: int = _P

    def fits(self, pin: str) -> bool:
        """Whether this is the PIN; takes some tens of milliseconds on purpose."""
        return hmac.compare_digest(_digest(pin, self.salt, self.n, self.r, self.p), self.digest)


def _digest(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, maxmem=_COST_MAX, dklen=32)


def is_pin(text: str) -> bool:
    """Whether a text can be a PIN: 6 to 32 digits."""
    return DIGITS_MIN <= len(text) <= DIGITS_MAX and text.isascii() and text.isdigit()


def new_pin(path: Path, pin: str = "") -> str:
    """Write the hash of a PIN, a random one when none is given, and forget the wrong tries; the PIN.

    Raises:
        PinError: the file cannot be written, or ``pin`` is none.
    """
    pin = pin or "".join(secrets.choice("0123456789") for _ in range(DIGITS_MADE))
    if not is_pin(pin):
        raise PinError(f"a PIN has {DIGITS_MIN} to {DIGITS_MAX} digits and nothing else")
    salt = secrets.token_bytes(16)
    made = PinHash(salt, _digest(pin, salt, _N, _R, _P))
    content = {"v": 1, "salt": made.salt.hex(), "digest": made.digest.hex(), "n": made.n, "r": made.r, "p": made.p}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(content).encode() + b"\n", mode=_PRIVATE)
        tries_path(path).unlink(missing_ok=True)
    except OSError as error:
        raise PinError(f"{path}: {error.strerror or error}; check the folder's owner") from None
    return pin


def read_pin(path: Path) -> PinHash:
    """The hash in a file.

    Raises:
        PinError: it is not there, cannot be read, or holds no such hash.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PinError(f"{path}: {error.strerror or error}; make a PIN with shelter-edge page --new-pin") from None
    try:
        if len(raw) > _FILE_BYTES_MAX:
            raise ValueError
        found = json.loads(raw)
        pin = PinHash(
            bytes.fromhex(found["salt"]), bytes.fromhex(found["digest"]), int(found["n"]), int(found["r"]),
            int(found["p"]),
        )  # fmt: skip
        if (
            found["v"] != 1
            or len(pin.digest) != 32
            or len(pin.salt) < 16
            or pin.n < _N
            or 128 * pin.n * pin.r > _COST_MAX
        ):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PinError(f"{path}: no PIN file; make a new PIN with shelter-edge page --new-pin") from None
    return pin


def tries_path(pin_path: Path) -> Path:
    """Where the wrong tries are counted."""
    return pin_path.with_name(pin_path.name + _TRIES)


class Door:
    """Lets in whoever knows the PIN. Wrong tries are counted for all callers together, and on disk before the PIN is
    looked at, so that neither a restart nor a cut plug gives free tries.

    Raises:
        PinError: there is no usable PIN file.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._path, self._now_ms = path, now_ms
        self._pin = read_pin(path)
        self._tries = _read_tries(tries_path(path), now_ms())
        self._lock = asyncio.Lock()

    @property
    def wait_s(self) -> float:
        """Seconds until the next try may be made."""
        return wait_ms(self._tries, self._now_ms()) / 1000

    async def knock(self, pin: str) -> Answer:
        """Try a PIN. One at a time: who knocks in parallel gains nothing. Raises OSError: it can't be counted."""
        async with self._lock:
            if wait_ms(self._tries, self._now_ms()):
                return Answer.SHUT
            self._pin = _newer(self._path, self._pin)
            self._tries = after_wrong(self._tries, self._now_ms())
            self._keep()
            if not (is_pin(pin) and await asyncio.to_thread(self._pin.fits, pin)):
                return Answer.WRONG
            self._tries = Tries()
            self._keep()
            return Answer.RIGHT

    def _keep(self) -> None:
        write_whole(tries_path(self._path), json.dumps(asdict(self._tries)).encode(), mode=_PRIVATE)


def _newer(path: Path, present: PinHash) -> PinHash:
    """The PIN may have been changed while the page runs; a file that went bad changes nothing."""
    try:
        return read_pin(path)
    except PinError:
        return present


def _read_tries(path: Path, now_ms: int) -> Tries:
    """The count; a file that is there but cannot be understood counts as a shut door, never as free tries."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Tries()
    except OSError:
        return after_wrong(Tries(100), now_ms)
    try:
        found = json.loads(raw[:_FILE_BYTES_MAX])
        return Tries(int(found["wrong"]), min(int(found["shut_until_ms"]), now_ms + WAIT_MS_MAX))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return after_wrong(Tries(100), now_ms)

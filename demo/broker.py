"""The demo's broker: Mosquitto with a credential per site where it is installed, else the embedded one on loopback."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.topics import ROOT
from demo.processes import Child, ChildError

CENTRAL_USER: Final = "central"
WIRETAP_USER: Final = "wiretap"
"""The demo's own listener, which counts bytes."""
_SYSTEM_PATH: Final = "/usr/sbin:/usr/local/sbin:/usr/bin"


def find_program(name: str) -> str | None:
    """Path of a system program; Debian keeps servers in /usr/sbin, which is not on everybody's path."""
    return shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)


@dataclass(frozen=True, kw_only=True)
class BrokerFiles:
    """What a broker with access control reads. ``credentials`` is for those who hand out passwords to the clients."""

    folder: Path

    @property
    def credentials(self) -> Path:
        """Lines ``user password``, readable by the owner only; deleted with the demo's folder."""
        return self.folder / "credentials"

    @property
    def passwords(self) -> Path:
        """Mosquitto's own file of hashes."""
        return self.folder / "passwords"

    @property
    def central_password(self) -> Path:
        """Password of the city's service."""
        return self.folder / "central.password"

    @property
    def wiretap_password(self) -> Path:
        """Password of the listener that counts bytes."""
        return self.folder / "wiretap.password"


def access_rules() -> str:
    """Each site writes and reads its own topics only; the city's service writes what only the city may say."""
    out = "\n".join(f"pattern write {ROOT}/%u/{channel}" for channel in ("telemetry", "event", "status", "reported"))
    back = "\n".join(f"pattern read {ROOT}/%u/{channel}" for channel in ("ack", "desired"))
    city = "\n".join(
        [
            f"user {CENTRAL_USER}",
            *(f"topic read {ROOT}/+/{channel}" for channel in ("telemetry", "event", "status", "reported")),
            *(f"topic write {ROOT}/+/{channel}" for channel in ("ack", "desired")),
            f"user {WIRETAP_USER}",
            f"topic read {ROOT}/+/telemetry",
        ]
    )
    # Patterns hold for every user, so they come first: a "user" line begins that user's own rules.
    return f"{out}\n{back}\n{city}\n"


def write_credentials(files: BrokerFiles, sites: Sequence[str]) -> None:
    """Make a random password for every site, central and the listener, and Mosquitto's file of their hashes."""
    files.folder.mkdir(parents=True, exist_ok=True)
    passwords = {user: secrets.token_urlsafe(18) for user in (*sites, CENTRAL_USER, WIRETAP_USER)}
    _write_private(files.credentials, "".join(f"{user} {password}\n" for user, password in passwords.items()))
    _write_private(files.central_password, passwords[CENTRAL_USER])
    _write_private(files.wiretap_password, passwords[WIRETAP_USER])
    _write_private(files.passwords, "".join(f"{user}:{password}\n" for user, password in passwords.items()))


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


async def hash_passwords(files: BrokerFiles) -> None:
    """Turn the plain passwords of Mosquitto's file into hashes, in place.

    Raises:
        ChildError: mosquitto_passwd is missing or failed.
    """
    program = find_program("mosquitto_passwd")
    if program is None:
        raise ChildError("mosquitto_passwd is missing: install the package mosquitto again")
    process = await asyncio.create_subprocess_exec(program, "-U", str(files.passwords))
    if await process.wait() != 0:
        raise ChildError(f"mosquitto_passwd could not hash {files.passwords}")


def mosquitto(files: BrokerFiles, port: int, log: Path) -> Child:
    """Mosquitto on a loopback port with its own settings.

    Raises:
        ChildError: it is not installed.
    """
    program = find_program("mosquitto")
    if program is None:
        raise ChildError("Mosquitto is not installed")
    rules = files.folder / "access"
    _write_private(rules, access_rules())
    # As root it would change to a user that cannot read this folder, and silently keep nothing.
    user = "user root\n" if os.geteuid() == 0 else ""
    settings = files.folder / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {files.passwords}\nacl_file {rules}\n{user}"
        f"persistence true\npersistence_location {files.folder}/\nautosave_interval 5\n"
        # Without this a shelter could sign on under the name of the city's session, or another's, and throw it out.
        "use_username_as_clientid true\n"
        # The default of 1,000 drops messages when the city's service is away for a few seconds.
        "max_queued_messages 100000\nmax_inflight_messages 1000\nset_tcp_nodelay true\n"
    )
    return Child("broker", [program, "-c", str(settings)], log, says_ready=False)


def embedded(port: int, log: Path) -> Child:
    """The embedded broker: for a demonstration only, since its memory grows with every message."""
    return Child("broker", [sys.executable, "-m", "demo.embedded_broker", "--port", str(port)], log)


async def listening(port: int, child: Child, timeout_s: float = 15.0) -> None:
    """Wait until the broker takes connections.

    Raises:
        ChildError: it ended, or does not listen within ``timeout_s``.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        child.check()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if loop.time() > deadline:
                raise ChildError(f"the broker does not listen on port {port}:\n{child.tail()}") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return

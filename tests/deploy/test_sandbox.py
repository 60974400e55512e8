"""The units' fences with the real programs in them: another user, a read-only system, few system calls.

systemd itself is not run (it has to be the first process); its directives are carried out by sandbox.py.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ctypes.util import find_library
from pathlib import Path

import httpx
import pytest

from demo.house import program
from demo.processes import Child
from edge_agent.io.outbox_audit import audit
from tests.deploy.parts import DEPLOY, HERE, ROOT_DIR
from tests.e2e.test_tls import meter
from tests.support import eventually, free_port

USER = "nobody"
LAUNCHER = Path(__file__).with_name("sandbox.py")


def why_not() -> str:
    """What is missing for a fence; empty when one can be built."""
    if os.geteuid():
        return "only root can build the fence"
    missing = [name for name in ("unshare", "mount", "systemd-analyze") if shutil.which(name) is None]
    missing += [] if find_library("seccomp") else ["libseccomp"]
    if missing:
        return f"{', '.join(missing)} is not installed"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=20, check=False)
    return "" if done.returncode == 0 else "this machine lets nobody have mounts of their own"


WHY_NOT = why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(WHY_NOT), reason=f"NOT TESTED: the units' fences: {WHY_NOT}"),
]


class Box:
    """Folders of a machine: settings that are read, and what the service may write."""

    def __init__(self, base: Path) -> None:
        self.etc, self.state, self.backups = (base / name for name in ("etc", "state", "backups"))
        self._stage = base / "stage"
        """Lets the fence keep what it needs of folders that it closes."""
        self._stage.mkdir()
        user = pwd.getpwnam(USER)
        base.chmod(0o755)
        for folder in (self.etc, self.state, self.backups):
            folder.mkdir(mode=0o755 if folder == self.etc else 0o700)
        for folder in (self.state, self.backups):
            os.chown(folder, user.pw_uid, user.pw_gid)

    def command(self, unit: str, *command: str) -> list[str]:
        """A command inside the fence of a unit."""
        spec = {
            "unit": str(DEPLOY / "systemd" / f"{unit}.service"),
            "user": USER,
            "command": command,
            "writable": [str(self.state), str(self.backups)],
            "stage": str(self._stage),
            "needed": [sys.base_prefix, sys.prefix, str(ROOT_DIR)],
        }
        return ["unshare", "--mount", "--propagation", "private", sys.executable, str(LAUNCHER), json.dumps(spec)]

    @asynccontextmanager
    async def running(self, unit: str, log: Path, *command: str) -> AsyncIterator[Child]:
        """A service in its fence, ready; ended by SIGTERM at the end."""
        child = Child(unit, self.command(unit, *command), log)
        await child.start()
        try:
            await child.ready(90)
            yield child
        finally:
            await child.stop(20)

    def run(self, unit: str, *command: str) -> str:
        """What a command in the fence prints. It has to end well."""
        done = subprocess.run(self.command(unit, *command), capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def box() -> Iterator[Box]:
    with tempfile.TemporaryDirectory(prefix="shelter-sandbox-", dir="/var/lib") as folder:
        yield Box(Path(folder))


PROBE = """
import ctypes, json, os, socket, sys

def may(what):
    try:
        what()
    except OSError as error:
        return error.strerror
    return "yes"

def write(path):
    return lambda: os.close(os.open(path + "/probe", os.O_WRONLY | os.O_CREAT, 0o600))

libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    def do():
        if getattr(libc, function)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return do

etc, state = sys.argv[1:]
print(json.dumps({
    "uid": os.getuid(), "state": may(write(state)), "tmp": may(write("/tmp")), "etc": may(write(etc)),
    "usr": may(write("/usr")), "root": may(lambda: os.setuid(0)), "trace": may(call("ptrace", 0, 0, 0, 0)),
    "mount": may(call("mount", b"none", b"/tmp", b"tmpfs", 0, None)), "homes": os.listdir("/home"),
    "tcp": may(lambda: socket.socket().close()), "packet": may(lambda: socket.socket(17, 3).close()),
    "vsock": may(lambda: socket.socket(40, 1).close()), "nice": may(lambda: os.nice(-5)),
}))
"""


@pytest.mark.parametrize("unit", ["shelter-central", "shelter-edge", "shelter-backup"])
def test_the_fence_holds(box: Box, unit: str) -> None:
    said = json.loads(box.run(unit, sys.executable, "-c", PROBE, str(box.etc), str(box.state)))
    assert said["uid"] == pwd.getpwnam(USER).pw_uid
    assert {said[name] for name in ("state", "tmp", "tcp")} == {"yes"}
    assert {said[name] for name in ("etc", "usr")} == {"Read-only file system"}
    assert {said[name] for name in ("root", "trace", "mount", "packet", "vsock")} == {"Operation not permitted"}
    assert not any(Path(home).name not in str(ROOT_DIR) + sys.base_prefix for home in said["homes"])


def test_units_may_write_where_their_services_do_and_nowhere_else() -> None:
    found = {}
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        text = path.read_text(encoding="utf-8")
        assert "ProtectSystem=strict" in text
        found[path.stem] = re.findall(r"^(?:StateDirectory|ReadWritePaths)=(.+)$", text, re.MULTILINE)
    assert found == {
        "shelter-backup": ["shelter-central", "/var/backups/shelter"],
        "shelter-central": ["shelter-central"],
        "shelter-edge": ["shelter-edge", "-/etc/shelter"],
    }


async def test_the_agent_reads_and_keeps_in_its_fence(box: Box, tmp_path: Path) -> None:
    async with meter() as device_port:
        config = box.etc / "site.yaml"
        config.write_text(
            f"""\
site: {HERE}
interval_s: 0.5
mqtt: {{host: 127.0.0.1, port: {free_port()}}}
outbox: {{path: {box.state}/outbox.sqlite, bytes_max: 1048576}}
buses:
- id: gateway
  tcp: {{host: 127.0.0.1, port: {device_port}}}
  devices: [{{id: meter, profile: sdm630, unit: 2}}]
""",
            encoding="utf-8",
        )
        outbox = box.state / "outbox.sqlite"
        log = tmp_path / "edge.log"
        async with box.running("shelter-edge", log, program("shelter-edge"), "run", "--config", str(config)) as agent:
            await eventually(
                lambda: outbox.exists() and any(entry.rows for entry in audit(outbox)),
                timeout_s=60,
                what=f"readings are kept; {agent.tail()}",
            )
        assert outbox.stat().st_uid == pwd.getpwnam(USER).pw_uid
        assert "not permitted" not in log.read_text(encoding="utf-8")


async def test_the_service_serves_and_is_backed_up_in_its_fence(box: Box, tmp_path: Path) -> None:
    config = box.etc / "central.yaml"
    config.write_text(
        f"data: {box.state}\nmqtt: {{host: 127.0.0.1, port: {free_port()}}}\nhttp: {{host: 127.0.0.1, port: 0}}\n",
        encoding="utf-8",
    )
    central, here, log = program("shelter-central"), ("--config", str(config)), tmp_path / "central.log"
    async with box.running("shelter-central", log, central, "run", *here) as service:
        async with httpx.AsyncClient(base_url=service.said["url"], trust_env=False, timeout=20) as http:
            assert (await http.get("healthz")).json()["status"] == "ok"
            assert (await http.get("login")).status_code == 200
        out = ("--out", str(box.backups), "--keep", "3")
        said = box.run("shelter-backup", central, "backup", *here, *out)
        assert str(box.backups) in said
    (kept,) = box.backups.glob("shelter-*.tar")
    assert kept.stat().st_uid == pwd.getpwnam(USER).pw_uid
    assert "not permitted" not in log.read_text(encoding="utf-8")

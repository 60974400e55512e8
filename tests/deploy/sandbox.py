"""Runs a program in the fence of a systemd unit, as far as a machine without systemd can: ``SPEC`` is JSON.

Its own view of the file system, read-only but for some folders, with a private /tmp; another user; no privileges and no
way to new ones; only the system calls and kinds of sockets that the unit allows. Started by root: ``unshare --mount``.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

_ALLOW, _EPERM, _EQUAL = 0x7FFF0000, 0x00050001, 4
_NO_NEW_PRIVILEGES, _DROP_BOUNDING, _CAPABILITIES = 38, 24, 64
_SCMP_UNKNOWN = -1
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}


class _Compare(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def calls_of(unit: str) -> set[str]:
    """The system calls that a unit's SystemCallFilter= lines leave, in their order."""
    allowed: set[str] = set()
    for told in re.findall(r"^SystemCallFilter=(.+)$", unit, re.MULTILINE):
        for name in told.removeprefix("~").split():
            named = _set(name) if name.startswith("@") else {name}
            allowed = allowed - named if told.startswith("~") else allowed | named
    return allowed


def _set(name: str) -> set[str]:
    done = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for word in (line.strip() for line in done.stdout.splitlines()[1:]):
        if word.startswith("@"):
            found |= _set(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, timeout=20)


def fence_files(writable: list[str], needed: list[str], stage: str) -> None:
    """Everything read-only but ``writable``; homes closed but for what Python itself needs; /tmp of its own."""
    for path in writable:
        _mount("--bind", path, path)
    closed = ("/root", "/home", "/tmp", "/var/tmp")
    hidden = sorted({path for path in needed if path.startswith(tuple(f"{each}/" for each in closed))})
    keep = Path(stage)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(keep))
    for number, path in enumerate(hidden):
        (keep / str(number)).mkdir()
        _mount("--rbind", path, str(keep / str(number)))
    for path in closed:
        _mount("-t", "tmpfs", "-o", "mode=1777" if path.endswith("tmp") else "mode=755", "tmpfs", path)
    for number, path in enumerate(hidden):
        Path(path).mkdir(parents=True, exist_ok=True)
        _mount("--rbind", str(keep / str(number)), path)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in points:
        is_ours = point in {*writable, "/tmp", "/var/tmp"} or point.startswith(("/proc", "/sys", "/dev"))
        if not is_ours and os.path.ismount(point):
            _mount("-o", "remount,bind,ro", point)


def drop(user: str) -> None:
    """Become the user, with no capability left and none to be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_CAPABILITIES):
        libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0)
    known = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(known.pw_gid, known.pw_gid, known.pw_gid)
    os.setresuid(known.pw_uid, known.pw_uid, known.pw_uid)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")


def filter_calls(names: set[str], families: list[str]) -> None:
    """Let the kernel refuse every other system call, and sockets of every other kind, with EPERM."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_EPERM))
    for name in names - {"socket"}:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != _SCMP_UNKNOWN:  # Names of other machines' calls are refused here, and not needed.
            seccomp.seccomp_rule_add_array(context, _ALLOW, number, 0, None)
    number = seccomp.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        only = _Compare(0, _EQUAL, _FAMILIES[family], 0)
        seccomp.seccomp_rule_add_array(context, _ALLOW, number, 1, ctypes.byref(only))
    if seccomp.seccomp_load(context):
        raise OSError("seccomp_load")


def main(spec: str) -> None:
    """Fence this process in and become the program."""
    told = json.loads(spec)
    unit = Path(told["unit"]).read_text(encoding="utf-8")
    names = calls_of(unit)
    families = re.findall(r"^RestrictAddressFamilies=(.+)$", unit, re.MULTILINE)[-1].split()
    fence_files(told["writable"], told["needed"], told["stage"])
    drop(told["user"])
    os.umask(0o077)
    os.chdir("/")
    filter_calls(names, families)
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    os.execve(told["command"][0], told["command"], environment)


if __name__ == "__main__":
    main(sys.argv[1])

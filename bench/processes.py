"""Processes under measurement: start, watch, end. What was started is ended by its own id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, *, timeout_s: float = 20.0) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on port {port} after {timeout_s} s") from None
            time.sleep(0.02)


def cpu_seconds(pid: int) -> float:
    """Seconds on a CPU of all threads so far, to the nanosecond where the kernel tells."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, IndexError):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


def rss_mb(pid: int) -> float:
    """Resident memory in MB."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


class Child:
    """One process of the benchmark, with its output in a file."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def check(self) -> None:
        """Complain when it is not running any more."""
        if self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"{self.name} ended with code {self._process.returncode}:\n{tail}")

    def wait_for(self, text: str, *, timeout_s: float = 30.0) -> None:
        """Wait until it has written a text."""
        deadline = time.monotonic() + timeout_s
        while text not in self.log.read_text(errors="replace"):
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} did not say {text!r} within {timeout_s} s")
            time.sleep(0.02)

    def wait(self, *, timeout_s: float) -> None:
        """Wait until it has ended by itself, and well."""
        if self._process.wait(timeout=timeout_s) != 0:
            self.check()

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, in the hard way when it does not go by itself."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=5)


def mosquitto(folder: Path, port: int) -> Child:
    """A broker of its own; the same folder and port give the same broker back after a stop."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise SystemExit("this benchmark needs Mosquitto: apt install mosquitto")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "mosquitto.conf"
    user = "user root\n" if os.geteuid() == 0 else ""
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n{user}persistence true\n"
        f"persistence_location {folder}/\nmax_queued_messages 0\nmax_inflight_messages 0\n"
    )
    broker = Child("mosquitto", [program, "-c", str(config)], folder)
    wait_for_port(port)
    return broker


def console(module: str, *arguments: str) -> list[str]:
    """Command line of one of our console scripts, whether or not its folder is on the path."""
    return [sys.executable, "-c", f"from {module} import main; main()", *arguments]


@contextmanager
def ending(children: list[Child]) -> Iterator[None]:
    """End every child of a list, the last one first, whatever happens."""
    try:
        yield
    finally:
        for child in reversed(children):
            child.end()

"""Our edge agent beside a 30-line one in the same run: 60 values a second from one device to Mosquitto.

The course: warm-up, steady time, device away and back, broker away with our agent killed in the middle of it, and back.
Registers carry the moment at which they were read, so a value that is old cannot pass as fresh.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.city import City, Heard, Sample, between
from bench.device import Device, Served
from bench.processes import Child, console, cpu_seconds, ending, free_port, mosquitto, rss_mb
from bench.report import Target, finish, progress

SITE = "E0000000001111"
DEVICE = "sixty"
PROFILE = Path(__file__).parent / "profiles" / "sixty.yaml"
INTERVAL_S = 1.0
REQUESTS_MIN = 1
"""60 neighbouring registers fit into one request of 125: there is nothing smaller."""
STALE_S = 1.0


@dataclass
class Course:
    """One run: the parts, and the moments between its phases."""

    folder: Path
    broker_port: int
    device: Device
    city: City
    broker: Child
    children: list[Child]
    ours: Child
    floor: Child
    marks: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, tuple[float, float]] = field(default_factory=dict)
    rss: dict[str, tuple[float, float]] = field(default_factory=dict)
    spent_before_restart_s: float = 0.0

    def mark(self, name: str) -> None:
        """Remember the moment and what both agents have used by now."""
        self.marks[name] = time.time()
        ours = self.spent_before_restart_s + cpu_seconds(self.ours.pid)
        self.cpu[name] = (ours, cpu_seconds(self.floor.pid))
        self.rss[name] = (rss_mb(self.ours.pid), rss_mb(self.floor.pid))

    def start_ours(self) -> None:
        """Start our agent (again, after it was killed: with the outbox that it left)."""
        self.ours = Child(
            "ours", console("edge_agent.cli", "run", "--config", str(self.folder / "site.yaml")), self.folder
        )
        self.children.append(self.ours)

    def rest(self, seconds: float) -> None:
        """Let time pass; whoever dies meanwhile ends the benchmark."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(0.2, left))
            self.ours.check()
            self.floor.check()


def site_file(folder: Path, modbus_port: int, mqtt_port: int) -> None:
    profile = folder / PROFILE.name
    shutil.copy(PROFILE, profile)
    (folder / "site.yaml").write_text(
        f"site: {SITE}\nname: Benchmark\ninterval_s: {INTERVAL_S:g}\nslow_interval_s: 60\n"
        f"outbox: {{path: outbox.sqlite}}\nmqtt: {{host: 127.0.0.1, port: {mqtt_port}}}\n"
        f"buses:\n  - id: bus\n    tcp: {{host: 127.0.0.1, port: {modbus_port}}}\n"
        f"    devices: [{{id: {DEVICE}, profile: {profile}, unit: 1}}]\n"
    )


def until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def run(folder: Path, steady_s: float, children: list[Child]) -> Course:
    broker_port = free_port()
    device = Device([free_port(), free_port()])
    broker = mosquitto(folder / "broker", broker_port)
    children.append(broker)
    device.on()
    site_file(folder, device.ports[0], broker_port)
    with City(broker_port, site=SITE, device=DEVICE) as city:
        floor = Child(
            "floor", [sys.executable, "-m", "bench.floor_agent", str(device.ports[1]), str(broker_port)], folder
        )
        children.append(floor)
        course = Course(folder, broker_port, device, city, broker, children, floor, floor)
        course.start_ours()
        try:
            drive(course, steady_s)
        finally:
            device.off()
    return course


def drive(course: Course, steady_s: float) -> None:
    """Take both agents through the phases."""
    away_s = min(10.0, steady_s / 3)
    outage_s = min(30.0, steady_s / 2)
    progress("waiting for both agents' first values")
    city = course.city
    if not until(lambda: bool(city.samples(city.ours) and city.samples(city.floor)), timeout_s=30):
        course.ours.check()
        raise RuntimeError(f"no values within 30 s; see {course.ours.log}:\n{course.ours.log.read_text()[-2_000:]}")
    course.rest(5)

    progress(f"steady for {steady_s:g} s")
    course.mark("steady")
    course.rest(steady_s)
    course.mark("steady_end")

    progress(f"device away for {away_s:g} s")
    course.marks["away"] = course.device.off()
    course.rest(away_s)
    course.marks["back"] = course.device.on()
    course.rest(6)

    progress(f"broker away for {outage_s:g} s, our agent killed in the middle of it")
    course.mark("outage")
    course.broker.end()
    course.rest(outage_s / 2)
    until(lambda: 0.3 < time.time() - course.device.served[0].last < 0.6, timeout_s=3)
    course.spent_before_restart_s += cpu_seconds(course.ours.pid)
    course.ours.end(signal.SIGKILL)
    course.marks["killed"] = time.time()
    course.start_ours()
    course.rest(outage_s / 2)
    course.broker = mosquitto(course.folder / "broker", course.broker_port)
    course.children.append(course.broker)
    course.marks["broker_back"] = time.time()

    progress("waiting until the outage is made up for")
    until(lambda: not missing(course.device.served[0], city.samples(city.ours), course.marks), timeout_s=60)
    course.rest(2)
    course.mark("end")


def missing(served: Served, samples: list[Sample], marks: dict[str, float]) -> list[float]:
    """Answers of the device from the steady time to the broker's return that never arrived as a sample."""
    known = {sample.read_tenths for sample in samples}
    wanted = [at for at in served.times if marks["steady"] <= at <= marks["broker_back"]]
    return [at for at in wanted if not known & {int(at * 10) + near for near in (-1, 0, 1)}]


def agent_figures(course: Course, heard: Heard, which: int) -> dict[str, Any]:
    """What one agent did, in numbers."""
    marks = course.marks
    samples, served = course.city.samples(heard), course.device.served[which]
    steady = [at for at in served.times if marks["steady"] <= at < marks["steady_end"]]
    taken = sorted({sample.at_s for sample in between(samples, marks["steady"], marks["steady_end"])})
    fresh = [sample.arrived_s for sample in samples if sample.at_s >= marks["back"]]
    arrived = [s.arrived_s - s.at_s for s in between(samples, marks["steady"], marks["steady_end"])]
    minutes = (marks["steady_end"] - marks["steady"]) / 60
    lost = missing(served, samples, marks)
    in_outage = [at for at in served.times if marks["outage"] <= at <= marks["broker_back"]]
    return {
        "cpu_s_per_minute": round((course.cpu["steady_end"][which] - course.cpu["steady"][which]) / minutes, 4),
        "cpu_s_from_outage_to_end": round(course.cpu["end"][which] - course.cpu["outage"][which], 3),
        "rss_mb": round(max(rss[which] for rss in course.rss.values()), 1),
        "samples_per_minute": round(60 * (len(taken) - 1) / (taken[-1] - taken[0]), 2) if len(taken) > 1 else 0.0,
        "requests_per_poll": round(len(steady) / max(1, len(taken)), 3),
        "stale_values": sum(
            len(s.values) for s in samples if s.age_s > STALE_S or marks["away"] + 1 < s.at_s < marks["back"]
        ),
        "outage_samples": len(in_outage),
        "outage_samples_kept": len(in_outage) - len([at for at in lost if at >= marks["outage"]]),
        "samples_lost": len(lost),
        "first_value_after_device_s": round(min(fresh, default=1e9) - marks["back"], 2),
        "publish_lag_ms_p50": round(1_000 * sorted(arrived)[len(arrived) // 2]) if arrived else None,
        "faults": heard.faults[:5],
    }


def report(course: Course) -> int:
    ours = agent_figures(course, course.city.ours, 0)
    floor = agent_figures(course, course.city.floor, 1)
    ratio = ours["cpu_s_per_minute"] / floor["cpu_s_per_minute"]
    figures = {
        "cpu_s_per_minute": Target(0.20).judge(ours["cpu_s_per_minute"]),
        "cpu_to_floor": Target(3.0).judge(round(ratio, 2)),
        "rss_mb": Target(60).judge(ours["rss_mb"]),
        "samples_per_minute": Target(59.95, at_least=True).judge(ours["samples_per_minute"]),
        "stale_values": Target(0).judge(ours["stale_values"]),
        "samples_lost": Target(0).judge(ours["samples_lost"]),
        "first_value_after_device_s": Target(2.0).judge(ours["first_value_after_device_s"]),
        "requests_per_poll": Target(REQUESTS_MIN).judge(ours["requests_per_poll"]),
        "faults": Target(0).judge(len(ours["faults"])),
    }
    return finish("edge", figures, ours=ours, floor=floor)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench BENCH=edge", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the steady phase (default 60)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and outbox, and name it")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="bench-edge-"))
    children: list[Child] = []
    try:
        with ending(children):
            course = run(folder, chosen.seconds, children)
        return report(course)
    finally:
        if chosen.keep:
            progress(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

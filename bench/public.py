"""The public page under 1,000 citizens and 100 streams, while 182 shelters send.

A broker and the real ``shelter-central run`` take live messages of every shelter at their own pace. A hundred
connections hold the service's stream of changes. A thousand clients read public pages in six languages, each again
and again with a pause and over a new connection every time; the rate is fixed, so that a slow answer is not a rarer
one. The floor is a bare static answer of the same size by the same web server in a process of its own, under the same
clients, in the same run, with the same ingest and streams beside it.

    make bench BENCH=public BENCH_ARGS="--clients 1000 --streams 100 --pause 10 --seconds 40"
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from bench.ingest import Acks
from bench.ingest import register as import_sites
from bench.processes import Child, console, cpu_seconds, ending, free_port, mosquitto, rss_mb, wait_for_port
from bench.report import Target, finish, progress
from central.access import FILE, find
from central.core.publication import LANGS

P99_MS_MAX: Final = 200.0
INTERVAL_S: Final = 5.0
LATE_S: Final = 20.0
"""So long an acknowledgement may still come after the last message."""


def site_ids(count: int) -> list[str]:
    return [f"E00000{number:05d}111" for number in range(1, count + 1)]


def open_all(url: str, token: str) -> None:
    """Staff open the ward, so that the page has something to say."""
    body = (
        "ward=%E4%B8%AD%E5%A4%AE%E5%8C%BA&opening=open&set_services=1&services=charging&services=medical&services=light"
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"}
    with urlopen(Request(f"{url}public-status", body.encode(), headers), timeout=20) as answer:
        answer.read()


def readers(folder: Path, name: str, port: int, paths: Sequence[str], chosen: argparse.Namespace) -> dict[str, Any]:
    """What the clients saw."""
    told = {
        "port": port,
        "paths": list(paths),
        "clients": chosen.clients,
        "pause_s": chosen.pause,
        "seconds": chosen.seconds,
    }
    child = Child(name, [sys.executable, "-m", "bench.readers", json.dumps(told)], folder)
    with ending([child]):
        child.wait(timeout_s=chosen.seconds + 3 * chosen.pause + 60)
        found: dict[str, Any] = json.loads(child.log.read_text().strip().splitlines()[-1])
    return found


def page_of(url: str) -> bytes:
    with urlopen(Request(f"{url}public", headers={"Accept-Encoding": "gzip"}), timeout=20) as answer:
        body: bytes = answer.read()
    return body


def run(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    children: list[Child] = []
    sites, data = site_ids(chosen.sites), folder / "central"
    with ending(children):
        broker_port, port, floor_port = free_port(), free_port(), free_port()
        children.append(mosquitto(folder / "mosquitto", broker_port))
        import_sites(folder, data, sites)
        arguments = ["--data", str(data), "--mqtt-port", str(broker_port), "--http-port", str(port)]
        central = Child("central", console("central.cli", "run", *arguments), folder)
        children.append(central)
        central.wait_for("ready", timeout_s=60)
        access = find(data / FILE)
        if access is None:
            raise RuntimeError("the service has not told its address")
        acks = Acks(broker_port)
        sender = Child(
            "sender",
            [sys.executable, "-m", "bench.sender", str(broker_port), str(chosen.sites), str(chosen.interval)],
            folder,
        )
        children.append(sender)
        sender.wait_for("sending", timeout_s=60)
        open_all(access.url, access.token)
        page = folder / "page.gz"
        page.write_bytes(page_of(access.url))
        floor = Child("floor", [sys.executable, "-m", "bench.floor_page", str(floor_port), str(page)], folder)
        children.append(floor)
        wait_for_port(floor_port)
        streams = Child(
            "streams",
            [sys.executable, "-m", "bench.streams", str(port), str(chosen.streams), access.token],
            folder,
        )
        children.append(streams)
        streams.wait_for("open", timeout_s=60)
        progress(f"{chosen.sites} shelters send, {chosen.streams} streams are open: the floor first")
        floor_seen = readers(folder, "floor-readers", floor_port, ["/public"], chosen)
        progress(f"floor: p99 {floor_seen['p99_ms']} ms; now the public page")
        paths = ["/public", *(f"/public/{tag}" for tag in LANGS), f"/public/ja/shelters/{sites[0]}"]
        cpu, wall = cpu_seconds(central.pid), time.monotonic()
        ours = readers(folder, "readers", port, paths, chosen)
        cpu, wall = cpu_seconds(central.pid) - cpu, time.monotonic() - wall
        sender.end()
        sent = int(sender.log.read_text().rpartition("sent ")[2].split()[0])
        deadline = time.monotonic() + LATE_S
        while acks.count < sent and time.monotonic() < deadline:
            time.sleep(0.1)
        streams.end()
        events = int(streams.log.read_text().rpartition("events ")[2].split()[0])
        lost = int(streams.log.read_text().rpartition("lost ")[2].split()[0])
        acks.close()
        return {
            "ours": ours,
            "floor": floor_seen,
            "sent": sent,
            "missed_acks": sent - acks.count,
            "refused": acks.refused,
            "stream_events": events,
            "streams_lost": lost,
            "central_cpu_share": round(cpu / wall, 3),
            "central_rss_mb": round(rss_mb(central.pid), 1),
            "page_bytes": page.stat().st_size,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench BENCH=public", description=__doc__)
    parser.add_argument("--sites", type=int, default=182, help="shelters that send (default 182)")
    parser.add_argument("--interval", type=float, default=INTERVAL_S, help="seconds between their messages (default 5)")
    parser.add_argument("--clients", type=int, default=1_000, help="readers of public pages (default 1000)")
    parser.add_argument("--streams", type=int, default=100, help="readers of the stream of changes (default 100)")
    parser.add_argument("--pause", type=float, default=10.0, help="seconds between a reader's pages (default 10)")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long is measured (default 40)")
    chosen = parser.parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="bench-public-"))
    try:
        found = run(root, chosen)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    ours, floor = found.pop("ours"), found.pop("floor")
    figures = {
        "p99_ms": Target(P99_MS_MAX).judge(ours["p99_ms"]),
        "failed_answers": Target(0).judge(ours["failed"]),
        "missed_acks": Target(0).judge(found.pop("missed_acks")),
        "streams_lost": Target(0).judge(found.pop("streams_lost")),
    }
    return finish(
        "public",
        figures,
        clients=chosen.clients,
        streams=chosen.streams,
        sites=chosen.sites,
        pause_s=chosen.pause,
        p50_ms=ours["p50_ms"],
        max_ms=ours["max_ms"],
        answers=ours["answers"],
        answers_per_s=ours["per_s"],
        floor={name: floor[name] for name in ("p50_ms", "p99_ms", "max_ms", "answers", "failed")},
        p99_over_floor_ms=round(ours["p99_ms"] - floor["p99_ms"], 1),
        **found,
    )


if __name__ == "__main__":
    sys.exit(main())

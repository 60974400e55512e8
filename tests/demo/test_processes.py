"""The demo's child processes, with small real ones: known to be ready, explained when they fail, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from demo.processes import Child, ChildError, Usage, all_ready
from tests.support import eventually

ROOT = Path(__file__).resolve().parents[2]
SERVES = "import time; print('ready {\"port\": 7}', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready {}', flush=True); time.sleep(60)"
)
TALKATIVE = (
    "import sys, signal, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (sys.stdout.write('x' * 1_000_000), sys.stdout.flush(), sys.exit(0)))\n"
    "print('warming up'); print('ready {}', flush=True); time.sleep(60)"
)
Make = Callable[..., Child]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Child] = []

    def child(code: str, *, says_ready: bool = True) -> Child:
        log = tmp_path / "logs" / f"{len(made)}.log"
        made.append(Child("part", [sys.executable, "-c", code], log, says_ready=says_ready))
        return made[-1]

    yield child
    for child_made in made:
        await child_made.kill()


def runs(child: Child) -> bool:
    return child.pid is not None


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # Whoever adopted it may be slow to bury it.
    except psutil.NoSuchProcess:
        return True


async def test_the_ready_line_is_waited_for_and_what_it_says_is_kept(make: Make) -> None:
    child = make(SERVES)
    assert child.pid is None
    await child.start()
    await child.ready(10)
    assert child.said == {"port": 7}
    child.check()
    assert runs(child)
    await child.stop()
    assert not runs(child)


async def test_lines_before_the_ready_line_are_passed_over(make: Make) -> None:
    child = make(TALKATIVE)
    await child.start()
    await child.ready(10)
    assert runs(child)


async def test_a_part_that_ends_before_it_is_ready_is_told_with_its_code_and_its_last_words(make: Make) -> None:
    child = make("import sys; sys.stderr.write('no such database\\n'); sys.exit(3)")
    await child.start()
    with pytest.raises(ChildError, match=r"part ended with code 3 before it was ready(.|\n)*no such database"):
        await child.ready(10)


async def test_a_part_that_never_becomes_ready_is_told_with_its_last_words(make: Make) -> None:
    child = make("import sys, time; sys.stderr.write('waiting for a lock\\n'); sys.stderr.flush(); time.sleep(60)")
    await child.start()
    await eventually(lambda: "lock" in child.tail(), what="its words")
    with pytest.raises(ChildError, match=r"not ready after 0 s(.|\n)*waiting for a lock"):
        await child.ready(0.1)
    assert child.pid is not None  # It is for its owner to end it.


async def test_a_part_that_ends_by_itself_later_is_noticed(make: Make) -> None:
    child = make("import sys; print('ready {}', flush=True); sys.stderr.write('disk is gone\\n'); sys.exit(1)")
    await child.start()
    await child.ready(10)
    await eventually(lambda: child.pid is None, what="its end")
    with pytest.raises(ChildError, match=r"part ended with code 1(.|\n)*disk is gone"):
        child.check()


async def test_stop_asks_and_then_does_not_ask(make: Make) -> None:
    child = make(STUBBORN)
    await child.start()
    await child.ready(10)
    pid = child.pid
    assert pid is not None
    await child.stop(timeout_s=0.3)
    assert child.pid is None
    assert is_gone(pid)


async def test_a_part_that_says_much_at_its_end_is_not_held_up_by_a_full_pipe(make: Make) -> None:
    child = make(TALKATIVE)
    await child.start()
    await child.ready(10)
    await child.stop(timeout_s=10)
    with pytest.raises(ChildError, match="ended with code 0"):
        child.check()


async def test_kill_is_a_power_cut_and_a_second_life_is_possible(make: Make) -> None:
    child = make(SERVES)
    await child.start()
    await child.ready(10)
    first = child.pid
    await child.kill()
    await child.kill()
    assert not runs(child)
    await child.start()
    await child.ready(10)
    assert child.pid not in (None, first)
    child.check()


async def test_ending_what_never_started_is_nothing(make: Make) -> None:
    child = make(SERVES)
    await child.kill()
    await child.stop()
    await child.ready()
    child.check()
    assert child.usage() == Usage()
    assert child.tail() == ""


async def test_the_tail_of_the_log_is_short_and_of_all_lives(make: Make) -> None:
    child = make("import sys\nfor n in range(100): print(n, 'ä' if n % 2 else '', file=sys.stderr)", says_ready=False)
    for _ in range(2):
        await child.start()
        await eventually(lambda: child.pid is None, what="its end")
    lines = child.tail().splitlines()
    assert len(lines) == 15
    assert lines[-1] == "99 ä"
    assert len(child.log.read_text().splitlines()) == 200


async def test_what_a_part_used_is_added_up_over_its_lives(make: Make) -> None:
    child = make("n = sum(range(8_000_000)); print('ready {}', flush=True); import time; time.sleep(60)")
    used = []
    for _ in range(2):
        await child.start()
        await child.ready(20)
        used.append(child.usage())
        await child.kill()
        assert child.usage().cpu_s >= used[-1].cpu_s > 0.05
    assert used[1].cpu_s > 1.5 * used[0].cpu_s
    assert 5 < used[1].peak_rss_mb < 1.6 * used[0].peak_rss_mb  # A peak is the highest, not a sum.


async def test_when_one_part_fails_nobody_waits_for_the_others_and_all_can_be_ended(make: Make) -> None:
    slow, broken = make("import time; time.sleep(60)"), make("raise SystemExit(3)")
    await asyncio.gather(slow.start(), broken.start())
    with pytest.raises(ChildError, match="code 3"):
        await all_ready([slow, broken], 60)
    await slow.kill()
    assert slow.pid is None


OWNER = """
import asyncio, sys
from pathlib import Path
from demo.processes import Child

async def main():
    child = Child("part", [sys.executable, "-c", sys.argv[1]], Path(sys.argv[2]))
    await child.start()
    await child.ready(20)
    print(child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: only Linux ends children with their parent")
async def test_when_the_demo_is_killed_its_parts_die_with_it(tmp_path: Path) -> None:
    arguments = ["-c", OWNER, SERVES, str(tmp_path / "part.log")]
    owner = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    try:
        assert owner.stdout is not None
        pid = int(await owner.stdout.readline())
        assert not is_gone(pid)
        owner.kill()
        await eventually(lambda: is_gone(pid), what="the part ends with its owner")
    finally:
        if owner.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                owner.kill()
            await owner.wait()

"""``shelter-edge page`` as a technician starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from edge_agent.page.pin import read_pin
from tests.support import free_port

COMMAND = [sys.executable, "-m", "edge_agent", "page"]


def run(*arguments: str, lang: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments, "--lang", lang], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_cabinets_address_must_be_named(tmp_path: Path) -> None:
    done = run("--dir", str(tmp_path))
    assert done.returncode == 2
    assert "--listen 192.168.10.5:8080" in done.stderr
    assert "--listen" in run("--dir", str(tmp_path), lang="ja").stderr


@pytest.mark.parametrize("listen", ["cabinet", "8.8.8.8", "127.0.0.1:x"])
def test_an_address_that_cannot_be_is_said(tmp_path: Path, listen: str) -> None:
    done = run("--dir", str(tmp_path), "--listen", listen)
    assert done.returncode == 2
    assert "want" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_listens_everywhere_without_a_pin(tmp_path: Path) -> None:
    done = run("--dir", str(tmp_path), "--listen", "0.0.0.0")
    assert done.returncode == 2
    assert "--new-pin" in done.stderr
    assert not (tmp_path / "page.pin").exists()


def test_a_new_pin_is_shown_once_and_fits(tmp_path: Path) -> None:
    done = run("--dir", str(tmp_path), "--new-pin")
    found = re.search(r"PIN: (\d{8})\n", done.stdout)
    assert found is not None
    assert read_pin(tmp_path / "page.pin").fits(found[1])


def test_a_damaged_pin_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "page.pin").write_text("{")
    done = run("--dir", str(tmp_path), "--listen", "127.0.0.1")
    assert done.returncode == 2
    assert "page.pin" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_of_another_machine_is_said(tmp_path: Path) -> None:
    done = run("--dir", str(tmp_path), "--listen", "192.0.2.77:8080")
    assert done.returncode == 2
    assert "is it an address of this machine" in done.stderr


def test_half_a_certificate_is_said(tmp_path: Path) -> None:
    done = run("--dir", str(tmp_path), "--listen", "127.0.0.1", "--tls-cert", "a.pem")
    assert done.returncode == 2
    assert "--tls-key" in done.stderr
    done = run("--dir", str(tmp_path), "--listen", "127.0.0.1:0", "--tls-cert", "a.pem", "--tls-key", "a.key")
    assert done.returncode == 2
    assert "a.pem" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop_and_the_second_start_shows_no_pin(tmp_path: Path, number: int) -> None:
    port = free_port()
    said = []
    for _ in range(2):
        arguments = ["--dir", str(tmp_path), "--listen", f"127.0.0.1:{port}", "--lang", "en"]
        with subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as page:
            assert page.stdout is not None
            lines = []
            while "Ctrl-C" not in (line := page.stdout.readline()):
                assert line, page.communicate()
                lines.append(line)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=10) as answer:
                assert answer.status == 200
            page.send_signal(number)
            assert page.wait(20) == 0
            assert page.communicate()[1] == ""
        said.append("".join(lines))
    assert "PIN: " in said[0]
    assert "PIN: " not in said[1]
    assert f"http://127.0.0.1:{port}/" in said[1]


def test_an_agent_without_a_page_does_not_load_its_libraries() -> None:
    program = "import sys, edge_agent.app, edge_agent.config; print({'aiohttp', 'jinja2', 'segno'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"

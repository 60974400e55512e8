"""What the agent is started with: its password, its certificates, and a place to write its log to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.app import link_of
from edge_agent.config import ConfigError, SiteConfig
from edge_agent.io.broker import TlsFiles


def config(password_file: Path) -> SiteConfig:
    return SiteConfig.model_validate(
        {
            "site": "E0000000001111",
            "mqtt": {"host": "127.0.0.1", "username": "E0000000001111", "password_file": str(password_file)},
            "buses": [
                {
                    "id": "bus",
                    "tcp": {"host": "127.0.0.1"},
                    "devices": [{"id": "meter", "profile": "sdm630", "unit": 2}],
                }
            ],
        }
    )


@pytest.mark.parametrize("written", ["secret", "secret\n", "secret\r\n", "\ufeffsecret\r\n"])
def test_a_password_is_what_an_editor_shows_of_its_file(tmp_path: Path, written: str) -> None:
    (tmp_path / "password").write_bytes(written.encode())
    assert link_of(config(tmp_path / "password")).password == "secret"


@pytest.mark.parametrize("written", [None, b"", b"\n", b"\xff\xfe"])
def test_a_password_file_that_holds_none_is_named_at_the_start(tmp_path: Path, written: bytes | None) -> None:
    if written is not None:
        (tmp_path / "password").write_bytes(written)
    with pytest.raises(ConfigError, match=r"mqtt\.password_file: .*/password"):
        link_of(config(tmp_path / "password"))


def test_a_certificate_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"ca_file .*/ca\.pem: No such file"):
        TlsFiles(ca_file=tmp_path / "ca.pem").context()
    (tmp_path / "site.pem").write_text("no certificate")
    with pytest.raises(OSError, match=r"cert_file .*/site\.pem, key_file .*/site\.key: "):
        TlsFiles(cert_file=tmp_path / "site.pem", key_file=tmp_path / "site.key").context()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_log_on_a_full_disk_ends_nothing() -> None:
    program = (
        "import structlog; from edge_agent.logs import configure_logs; configure_logs('info')\n"
        "for n in range(2_000): structlog.get_logger().error('device_lost', n=n, text='x' * 100)\n"
        "print('alive')"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, timeout=30)
    assert done.stdout == b"alive\n"

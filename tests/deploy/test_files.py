"""deploy/: what compose, images, units, settings and the front say, as far as that is seen without running them.

Compose and the images were not run by any test: a Docker engine is not part of this project's machines. Docker's own
reading of the file needs no engine: a docker-compose of version 2 on the machine, or the one that
``SHELTER_TEST_COMPOSE`` names, is asked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from central.settings import StoreKind, load
from contract.wire import MESSAGE_BYTES_MAX
from tests.deploy.parts import DEPLOY, ROOT_DIR
from tests.support import find_program

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"mosquitto-volume"}
"""Services that do one thing and end."""
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SYSTEMD = find_program("systemd-analyze")
DOCKER_COMPOSE = find_program(os.environ.get("SHELTER_TEST_COMPOSE", "docker-compose"))
every_service = pytest.mark.parametrize("name", SERVICES)


class TestCompose:
    @every_service
    def test_every_image_is_pinned(self, name: str) -> None:
        image, _, tag = SERVICES[name]["image"].rpartition(":")
        assert image
        assert re.match(r"\d+\.\d+(\.\d+)?", tag), f"{name}: {tag}"

    @every_service
    def test_every_service_is_hardened_and_not_root(self, name: str) -> None:
        told = SERVICES[name]
        assert told["read_only"] is True
        assert told["cap_drop"] == ["ALL"]
        assert told["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in told
        if name in ONCE:
            assert told["cap_add"] == ["CHOWN"]
            assert told["network_mode"] == "none"
        else:
            assert int(told["user"].partition(":")[0]) > 0
            assert told["restart"] == "unless-stopped"

    @pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONCE))
    def test_every_server_says_how_it_is(self, name: str) -> None:
        check = SERVICES[name]["healthcheck"]
        assert check["test"][0] == "CMD"
        assert check["start_period"]
        assert check["retries"] >= 3

    def test_nobody_waits_for_a_service_that_is_not_there(self) -> None:
        for name, told in SERVICES.items():
            for other, how in told.get("depends_on", {}).items():
                assert other in SERVICES, name
                has_check = how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
                assert has_check, f"{name} waits for the health of {other}"

    def test_networks_volumes_and_secrets_are_declared_and_all_used(self) -> None:
        used: dict[str, set[str]] = {"networks": set(), "volumes": set(), "secrets": set()}
        for told in SERVICES.values():
            used["networks"].update(told.get("networks", []))
            used["secrets"].update(told.get("secrets", []))
            used["volumes"].update(
                source
                for source in (text.partition(":")[0] for text in told.get("volumes", []))
                if source[0] not in "./"
            )
        assert {kind: set(COMPOSE[kind]) for kind in used} == used

    def test_the_stores_are_reached_by_nobody_outside(self) -> None:
        assert COMPOSE["networks"]["stores"] == {"internal": True}
        for name in ("postgres", "influxdb"):
            assert SERVICES[name]["networks"] == ["stores"]
            assert "ports" not in SERVICES[name]
        published = {name: told["ports"] for name, told in SERVICES.items() if "ports" in told}
        assert published == {"mosquitto": ["8883:8883"], "front": ["443:443", "80:80"]}

    def test_files_that_are_mounted_are_in_the_sources(self) -> None:
        made_there = {"./tls", "./front-tls", "./backups", "./backups/influxdb"}
        for told in SERVICES.values():
            for source in (text.partition(":")[0] for text in told.get("volumes", [])):
                if source.startswith(".") and source not in made_there:
                    assert (DEPLOY / source).exists(), source

    def test_no_secret_stands_in_any_file(self) -> None:
        for secret, told in COMPOSE["secrets"].items():
            assert told == {"file": f"./secrets/{secret}"}
        for name, told in SERVICES.items():
            for key, value in told.get("environment", {}).items():
                if re.search(r"PASSWORD|TOKEN|SECRET", key):
                    assert str(value).startswith("/run/secrets/"), f"{name}: {key}"
        for path in (path for path in DEPLOY.rglob("*") if path.is_file()):
            text = path.read_text(encoding="utf-8")
            assert "PRIVATE KEY" not in text, path
            assert not re.search(r"(?i)(?:password|token)\s*[:=]\s*['\"]?(?![/$]|\{)[\w-]{6,}", text), path

    def test_who_draws_boards_has_no_token_that_deletes(self) -> None:
        assert SERVICES["grafana"]["secrets"] == ["grafana_password", "grafana_influx_token"]
        assert "/run/secrets/grafana_influx_token" in SERVICES["grafana"]["entrypoint"][-1]
        admin_s = SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE"]
        assert admin_s == "/run/secrets/influx_token"

    def test_secrets_and_keys_are_not_taken_into_the_sources(self) -> None:
        for folder in ("secrets", "tls", "front-tls", "backups"):
            assert "\n*\n!.gitignore" in (DEPLOY / folder / ".gitignore").read_text()


@pytest.mark.skipif(DOCKER_COMPOSE is None, reason="NOT TESTED: docker-compose is not installed")
class TestComposeByDocker:
    def read(self, *options: str) -> subprocess.CompletedProcess[str]:
        """What ``docker compose config`` says, in an environment that fills nothing in."""
        assert DOCKER_COMPOSE
        command = [DOCKER_COMPOSE, "-f", str(DEPLOY / "compose.yaml"), *options, "config", "--format", "json"]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def test_its_own_loader_takes_the_file_with_the_example_s_names(self) -> None:
        done = self.read("--env-file", str(DEPLOY / "env.example"))
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        assert found["services"].keys() == SERVICES.keys()
        central = found["services"]["central"]
        assert central["environment"]["SHELTER_HTTP_PUBLIC_URL"] == "https://shelters.city.example"
        (subnet,) = found["networks"]["front"]["ipam"]["config"]
        assert subnet["subnet"] == central["environment"]["FORWARDED_ALLOW_IPS"] == "172.30.80.0/24"
        assert all(told["read_only"] for told in found["services"].values()), "what all share is merged"

    def test_without_names_it_says_what_to_do(self) -> None:
        done = self.read("--env-file", "/dev/null")
        assert done.returncode != 0
        assert "copy env.example to .env and fill it in" in done.stderr


class TestImage:
    TEXT = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

    def test_it_is_pinned_and_runs_as_nobody_in_particular(self) -> None:
        assert {line.split()[1] for line in self.TEXT.splitlines() if line.startswith("FROM")} == {
            "python:3.11.9-slim-bookworm"
        }
        assert re.search(r"^USER 10001:10001$", self.TEXT, re.MULTILINE)
        assert "constraints.txt" in self.TEXT

    def test_what_is_copied_is_there_and_not_left_out(self) -> None:
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
        for line in (line for line in self.TEXT.splitlines() if line.startswith("COPY ") and "--from" not in line):
            for name in line.split()[1:-1]:
                assert (ROOT_DIR / name).exists(), name
                assert f"!{name}" in ignored, name

    def test_the_server_and_the_programs_of_backups_are_of_one_version(self) -> None:
        (client,) = re.findall(r"postgresql-client-(\d+)", self.TEXT)
        assert SERVICES["postgres"]["image"].startswith(f"postgres:{client}.")


class TestSettings:
    def test_compose(self, tmp_path: Path) -> None:
        text = (DEPLOY / "central.compose.yaml").read_text(encoding="utf-8")
        (tmp_path / "postgres_password").write_text("geheim")
        config = tmp_path / "central.yaml"
        config.write_text(text.replace("/run/secrets", str(tmp_path)), encoding="utf-8")
        found = load(config, {"SHELTER_DATA": "/var/lib/shelter-central"}, {})
        assert found.store.kind is StoreKind.INFLUX
        assert found.store.org == SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_ORG"]
        told = SERVICES["influxdb"]["environment"]
        assert found.store.bucket == told["DOCKER_INFLUXDB_INIT_BUCKET"]
        assert f"{found.store.raw_days}d" == told["DOCKER_INFLUXDB_INIT_RETENTION"], "init-store leaves it as it is"
        assert found.store.bucket == SERVICES["grafana"]["environment"]["SHELTER_INFLUX_BUCKET"]
        assert found.store.rollup_bucket == SERVICES["grafana"]["environment"]["SHELTER_INFLUX_ROLLUP_BUCKET"]
        assert found.records_address == "postgresql+psycopg://shelter:geheim@postgres:5432/shelter"
        assert found.mqtt.host in SERVICES

    def test_debian(self) -> None:
        found = load(DEPLOY / "central.yaml", {}, {})
        assert found.store.kind is StoreKind.SQLITE
        assert found.mqtt.port == 8_883
        assert found.http.host == "127.0.0.1"
        assert found.http.public_url == "https://shelters.city.example"
        commented = [
            line.removeprefix("#")
            for line in (DEPLOY / "central.yaml").read_text().splitlines()
            if re.match(r"#(?:records_url|store):", line)
        ]
        assert {key for line in commented for key in yaml.safe_load(line)} == {"records_url", "store"}

    def test_the_broker_s_limit_is_the_contract_s(self) -> None:
        conf = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
        assert f"message_size_limit {MESSAGE_BYTES_MAX}\n" in conf


class TestUnits:
    @pytest.fixture
    def copies(self, tmp_path: Path) -> list[Path]:
        """The units with a program that is on every machine."""
        for path in (DEPLOY / "systemd").iterdir():
            text = re.sub(r"ExecStart=/opt/shelter/bin/\S+", "ExecStart=/bin/true", path.read_text(encoding="utf-8"))
            (tmp_path / path.name).write_text(text, encoding="utf-8")
        return sorted(tmp_path.iterdir())

    @pytest.mark.skipif(SYSTEMD is None, reason="NOT TESTED: systemd-analyze is not installed")
    def test_systemd_understands_them_and_finds_them_tight(self, copies: list[Path]) -> None:
        assert SYSTEMD
        done = subprocess.run(
            [SYSTEMD, "verify", "--man=no", *map(str, copies)], capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr.decode()) == (0, "")
        services = [str(path) for path in copies if path.suffix == ".service"]
        for service in services:
            done = subprocess.run(
                [SYSTEMD, "security", "--offline=true", "--threshold=25", "--no-pager", service],
                capture_output=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, f"{service}: exposure over 2.5\n{done.stdout.decode()[-400:]}"

    @pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
    def test_they_start_commands_that_exist_with_options_that_exist(self, path: Path) -> None:
        (line,) = re.findall(r"^ExecStart=/opt/shelter/bin/(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        program, command, *rest = line.split()
        from typer.main import get_command

        from central.cli import app as central
        from edge_agent.cli import app as edge

        group: Any = get_command({"shelter-central": central, "shelter-edge": edge}[program])
        options = {name for one in group.commands[command].params for name in one.opts}
        assert {word for word in rest if word.startswith("--")} <= options

    def test_the_agent_may_ask_whether_its_clock_is_right(self) -> None:
        text = (DEPLOY / "systemd" / "shelter-edge.service").read_text(encoding="utf-8")
        allowed = re.findall(r"^SystemCallFilter=(.+)$", text, re.MULTILINE)
        assert allowed[-1].split() == ["adjtimex", "clock_adjtime"]
        assert not re.search(r"^ProtectClock=", text, re.MULTILINE)
        assert "network-online" not in text, "it starts in an outage"

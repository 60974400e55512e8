"""A real InfluxDB for tests: the machine's own, or the one that ``SHELTER_TEST_INFLUXD`` names, a path to an influxd.

Which version it is, the program says itself. Before 1.8 it has no v2 write API, which ``influxdb-client`` speaks: nginx
in front gives it one. Of 1.8 and later, and of 2.x, the server's own is used; 2.x is set up by its API. Databases and
buckets are made as the product makes them. To run every test of the store against another server::

    SHELTER_TEST_INFLUXD=/opt/influxdb2/influxd pytest -m influx
    SHELTER_TEST_INFLUXD=/opt/influxdb2/influxd make dashboards-check
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from central.store.influx_setup import Home, Http, prepare, server_of
from tests.support import INFLUXD, find_program, free_port

USER = "shelter"
PASSWORD = "correct-horse"
ORG = "the-city"
TOKEN_OF_2 = "all-access-of-the-tests"
V2_WRITE_SINCE = (1, 8)

INFLUX_CONF = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
"""

NGINX_CONF = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
worker_processes 1;
daemon off;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_max_body_size 25m;
  client_body_buffer_size 2m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $arg_precision $v1_precision {{ default n; ns n; us u; ms ms; s s; }}
  map $http_authorization $v1_login {{
    default "";
    "~^Token (?<name>[^:]+):(?<password>.+)$" "&u=$name&p=$password";
  }}
  upstream influx {{ server 127.0.0.1:{influx}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location = /api/v2/write {{
      set $args "db=$arg_bucket&precision=$v1_precision$v1_login";
      rewrite ^ /write break;
      proxy_pass http://influx;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "";
    }}
    location / {{
      proxy_pass http://influx;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


@cache
def version_of(program: str) -> tuple[int, int]:
    """What a server says that it is, such as ``(1, 6)``."""
    said = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30, check=True).stdout
    found = re.match(r"InfluxDB v?(\d+)\.(\d+)", said)
    assert found, f"{program} does not say its version: {said!r}"
    return int(found[1]), int(found[2])


@dataclass
class Influx:
    """InfluxDB, before 1.8 with nginx in front. ``url`` is what central is given; ``kill`` is its SIGKILL."""

    folder: Path
    influx_port: int = field(default_factory=free_port)
    nginx_port: int = field(default_factory=free_port)
    rpc_port: int = field(default_factory=free_port)
    _influxd: subprocess.Popen[bytes] | None = None
    _nginx: subprocess.Popen[bytes] | None = None

    @property
    def version(self) -> tuple[int, int]:
        """Of the server."""
        program = find_program(INFLUXD)
        assert program is not None
        return version_of(program)

    @property
    def is_2(self) -> bool:
        """It has organisations, buckets and tokens, and not databases, policies and users."""
        return self.version >= (2, 0)

    @property
    def url(self) -> str:
        """Address of the v2 write API and of ``/query``."""
        return f"http://127.0.0.1:{self.influx_port if self.version >= V2_WRITE_SINCE else self.nginx_port}"

    @property
    def token(self) -> str:
        """One that may do everything; in 1.x in the form of its compatibility API."""
        return TOKEN_OF_2 if self.is_2 else f"{USER}:{PASSWORD}"

    @property
    def org(self) -> str:
        """The organisation of all buckets; 1.x knows none."""
        return ORG if self.is_2 else "-"

    def start(self) -> None:
        """Start what is needed and wait until the database answers at ``url``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start_influx()
        if self.is_2:
            self.api(
                "POST", "/api/v2/setup", username=USER, password=PASSWORD, org=ORG, bucket="first", token=TOKEN_OF_2
            )
        if self.version >= V2_WRITE_SINCE:
            return
        config = self.folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(
            NGINX_CONF.format(user=user, folder=self.folder, influx=self.influx_port, port=self.nginx_port)
        )
        # -e: the build's own error log may lie where this user cannot write.
        errors = self.folder / "nginx-error.log"
        self._nginx = self._spawn("nginx", "-e", str(errors), "-c", str(config), "-p", str(self.folder))
        self._wait(self.nginx_port, self._nginx, "nginx")

    def start_influx(self) -> None:
        """Start the database alone; its data is what was there before."""
        if self.is_2:
            where = f"--http-bind-address=127.0.0.1:{self.influx_port}"
            files = [f"--{name}-path={self.folder / name}" for name in ("bolt", "engine", "sqlite")]
            self._influxd = self._spawn(INFLUXD, where, *files, "--reporting-disabled", "--log-level=error")
        else:
            config = self.folder / "influxdb.conf"
            config.write_text(INFLUX_CONF.format(folder=self.folder, port=self.influx_port, rpc=self.rpc_port))
            self._influxd = self._spawn(INFLUXD, "-config", str(config))
        self._wait(self.influx_port, self._influxd, "influxd")

    def make_database(self, name: str, *, days: int = 0) -> str:
        """A new database or bucket that the token may use; returns its name. ``days``: so long it keeps rows."""
        if not self.is_2:
            self.query(f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        http = Http(self.url, self.token, timeout_s=10)
        prepare(server_of(http, self.org)[0], [Home(bucket=name, days=days)])
        http.close()
        return name

    def query(self, statement: str, *, database: str = "") -> bytes:
        """Run a statement as the administrator, beside nginx."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", "/query", urlencode({"q": statement, "db": database}), form)

    def write(self, database: str, line: str) -> None:
        """Write a line as another program would."""
        bucket = f"/api/v2/write?org={ORG}&bucket={quote(database)}" if self.is_2 else f"/write?db={quote(database)}"
        self._ask("POST", bucket, line, {})

    def api(self, method: str, path: str, **body: Any) -> Any:
        """Of 2.x's own API, as the administrator."""
        said = self._ask(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        return json.loads(said) if said else None

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        login = f"Token {TOKEN_OF_2}" if self.is_2 else f"Basic {b64encode(self.token.encode()).decode()}"
        connection = http.client.HTTPConnection("127.0.0.1", self.influx_port, timeout=10)
        try:
            connection.request(method, path, body, {"Authorization": login} | headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status < 300, said
            return said
        finally:
            connection.close()

    def kill_influx(self) -> None:
        """End the database as a power cut would."""
        self._end(self._influxd, signal.SIGKILL)
        self._influxd = None

    def hang(self) -> None:
        """The database takes connections and answers nothing, as on a disk that does not keep up."""
        assert self._influxd is not None
        self._influxd.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """It goes on where it was."""
        assert self._influxd is not None
        self._influxd.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End what was started."""
        if self._influxd is not None:
            self.wake()
        self._end(self._nginx, signal.SIGTERM)
        self._end(self._influxd, signal.SIGTERM)
        self._nginx = self._influxd = None

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = find_program(name)
        assert program is not None
        with (self.folder / f"{Path(name).name}.log").open("ab") as log:
            return subprocess.Popen([program, *arguments], stdout=log, stderr=log)

    def _wait(self, port: int, process: subprocess.Popen[bytes], name: str) -> None:
        deadline = time.monotonic() + 20
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            try:
                connection.request("GET", "/ping")
                if connection.getresponse().status == 204:
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            assert process.poll() is None, (self.folder / f"{name}.log").read_text()
            assert time.monotonic() < deadline, f"{name} does not answer"
            time.sleep(0.02)

    @staticmethod
    def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


@contextmanager
def running_influx(folder: Path) -> Iterator[Influx]:
    """InfluxDB, and what it needs in front, for the length of a block."""
    influx = Influx(folder)
    try:
        influx.start()
        yield influx
    finally:
        influx.stop()

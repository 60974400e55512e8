"""A real InfluxDB 1.6 and nginx, which gives it the v2 write API that ``influxdb-client`` speaks. For tests only."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from tests.support import find_program, free_port

USER = "shelter"
PASSWORD = "correct-horse"

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


@dataclass
class Influx:
    """InfluxDB with nginx in front of it. ``url`` is what central is given; ``kill`` is a SIGKILL of the database."""

    folder: Path
    port: int = field(default_factory=free_port)
    influx_port: int = field(default_factory=free_port)
    rpc_port: int = field(default_factory=free_port)
    _influxd: subprocess.Popen[bytes] | None = None
    _nginx: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the v2 write API and of ``/query``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """Token in the form of 1.8's compatibility API."""
        return f"{USER}:{PASSWORD}"

    def start(self) -> None:
        """Start both and wait until the database answers through nginx."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start_influx()
        config = self.folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(NGINX_CONF.format(user=user, folder=self.folder, influx=self.influx_port, port=self.port))
        # -e: the build's own error log may lie where this user cannot write.
        errors = self.folder / "nginx-error.log"
        self._nginx = self._spawn("nginx", "-e", str(errors), "-c", str(config), "-p", str(self.folder))
        self._wait(self.port, self._nginx, "nginx")

    def start_influx(self) -> None:
        """Start the database alone; its data is what was there before."""
        config = self.folder / "influxdb.conf"
        config.write_text(INFLUX_CONF.format(folder=self.folder, port=self.influx_port, rpc=self.rpc_port))
        self._influxd = self._spawn("influxd", "-config", str(config))
        self._wait(self.influx_port, self._influxd, "influxd")

    def make_database(self, name: str) -> str:
        """A new database and the user that may use it; returns its name."""
        self.query(f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        self.query(f'CREATE DATABASE "{name}"')
        return name

    def query(self, statement: str) -> bytes:
        """Run a statement as the administrator, beside nginx."""
        login = b64encode(self.token.encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.influx_port, timeout=10)
        try:
            connection.request(
                "POST",
                "/query",
                urlencode({"q": statement}),
                {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {login}"},
            )
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            return body
        finally:
            connection.close()

    def write(self, database: str, line: str) -> None:
        """Write a line as another program would."""
        connection = http.client.HTTPConnection("127.0.0.1", self.influx_port, timeout=10)
        try:
            connection.request("POST", f"/write?db={database}&u={USER}&p={PASSWORD}", line)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 204, body
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
        """End both."""
        if self._influxd is not None:
            self.wake()
        self._end(self._nginx, signal.SIGTERM)
        self._end(self._influxd, signal.SIGTERM)
        self._nginx = self._influxd = None

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = find_program(name)
        assert program is not None
        with (self.folder / f"{name}.log").open("ab") as log:
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
    """InfluxDB and nginx for the length of a block."""
    influx = Influx(folder)
    try:
        influx.start()
        yield influx
    finally:
        influx.stop()

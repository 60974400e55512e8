"""The city's ZIP through the page: the same checks as by the command, and nothing without the form's token."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from aiohttp import FormData

from edge_agent.config import load_config
from tests.deploy.parts import HERE, WHO, Administrator
from tests.edge_agent.page.conftest import Visitor

SITE_FILE = f"""\
site: {HERE}
mqtt: {{host: old.example}}
buses:
- id: lan1
  tcp: {{host: 192.168.1.20}}
  devices: [{{id: meter, profile: sdm630, unit: 2}}]
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    admin = Administrator(tmp_path_factory.mktemp("city"))
    admin.set_up()
    admin.says("keys", "new", *WHO)
    admin.says("provision", HERE, "--out", admin.folder, *WHO)
    return (admin.folder / f"{HERE}.zip").read_bytes()


def site_file(folder: Path, site: str = HERE) -> Path:
    """A site file that somebody wrote."""
    folder.mkdir(exist_ok=True)
    path = folder / "site.yaml"
    path.write_text(SITE_FILE.replace(HERE, site), encoding="utf-8")
    return path


def with_broken_certificate(packed: bytes) -> bytes:
    """The same ZIP, but for the certificate."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"broken" if name.endswith("client.crt") else old.read(name))
    return made.getvalue()


async def send(visitor: Visitor, content: bytes, *, token: str | None = None) -> tuple[int, str]:
    form = FormData()
    form.add_field("token", token if token is not None else await visitor.token("/walk/site"))
    form.add_field("bundle", content, filename="../../x.zip", content_type="application/zip")
    response = await visitor.client.post("/walk/bundle", data=form, allow_redirects=False)
    return response.status, await response.text()


async def test_it_is_put_into_the_site_file_and_the_page_says_so(technician: Visitor, packed: bytes) -> None:
    path = site_file(technician.folder)
    assert "/walk/bundle" in await technician.text("/walk/site")
    assert (await send(technician, packed))[0] == 303
    config = load_config(path)
    assert config.mqtt.tls is not None
    assert config.mqtt.tls.key_file == technician.folder / "client.key"
    assert (config.mqtt.host, config.outbox.keep_delivered_h) == ("127.0.0.1", 48)
    assert "市の証明書が入っています。接続先 127.0.0.1:8883" in await technician.text("/walk/site")


async def test_what_is_wrong_with_it_is_told_on_the_same_page(technician: Visitor, packed: bytes) -> None:
    site_file(technician.folder, "E0000000009111")
    status, text = await send(technician, packed)
    assert status == 400
    assert f"ZIP は {HERE} のものです" in text
    site_file(technician.folder)
    status, text = await send(technician, with_broken_certificate(packed))
    assert status == 400
    assert "ZIP: client.crt は使えません" in text
    assert "/tmp/" not in text
    assert (await send(technician, b""))[0] == 400
    assert (await send(technician, b"PK" + b"0" * 2_000_000))[0] == 413
    assert not (technician.folder / "client.key").exists()


async def test_nothing_is_taken_without_the_form_s_token(technician: Visitor, packed: bytes) -> None:
    site_file(technician.folder)
    assert (await send(technician, packed, token="0" * 64))[0] == 403
    assert not (technician.folder / "client.key").exists()

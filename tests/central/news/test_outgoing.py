"""The way out: not into one's own networks, not led elsewhere, and with limits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from central.outgoing import ANSWER_BYTES_MAX, OutgoingError, post
from tests.central.news.parts import HOST, receiver, says

ALLOW = (HOST,)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x",
        "http://localhost:9/x",
        "http://[::1]:9/x",
        "http://[::ffff:127.0.0.1]:9/x",
        "http://10.0.0.1/x",
        "http://192.168.1.1/x",
        "http://169.254.169.254/latest",
        "http://0.0.0.0/x",
        "http://224.0.0.1/x",
        "http://2130706433/x",
    ],
)
async def test_ones_own_networks_are_refused_unless_allowed(url: str) -> None:
    with pytest.raises(OutgoingError, match=r"outgoing\.allow_hosts"):
        await post(url, b"{}", {}, allow=())


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "no address", "http://", "https://[::1"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(OutgoingError, match="not an address"):
        await post(url, b"{}", {}, allow=ALLOW)


async def test_an_allowed_host_gets_the_body_and_its_answer_is_read() -> None:
    async with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as there:
        answer = await post(there.url, b'{"a":1}', {"X-Mark": "m"}, allow=ALLOW)
        assert answer.is_success
        assert answer.body == b"ok"
        headers, body = there.got[0]
        assert body == b'{"a":1}'
        assert headers["x-mark"] == "m"
        assert headers["host"] == there.url.split("/")[2]


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with receiver() as other, receiver(says("302 Found", f"Location: {other.url}\r\n")) as there:
        answer = await post(there.url, b"{}", {}, allow=ALLOW)
        assert answer.status == 302
        assert not answer.is_success
        assert other.got == []


async def test_who_does_not_answer_or_answers_garbage_is_left_in_time() -> None:
    async with receiver(None) as there:
        with pytest.raises(OutgoingError, match=r"no whole answer within 0\.2 s"):
            await post(there.url, b"{}", {}, allow=ALLOW, whole_s=0.2)
    async with receiver(b"garbage\r\n\r\n") as there:
        with pytest.raises(OutgoingError, match="RemoteProtocolError"):
            await post(there.url, b"{}", {}, allow=ALLOW)


async def test_an_endless_answer_is_read_to_a_limit() -> None:
    size = ANSWER_BYTES_MAX * 4
    async with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size) as there:
        answer = await post(there.url, b"{}", {}, allow=ALLOW)
        assert len(answer.body) == ANSWER_BYTES_MAX


async def test_one_inside_address_among_public_ones_is_enough_to_refuse() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.215.14", "127.0.0.1"]

    with pytest.raises(OutgoingError, match=r"outgoing\.allow_hosts"):
        await post("http://names.example/", b"{}", {}, allow=(), resolve=resolve)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    async with receiver() as there:
        port = int(there.url.split("/")[2].rsplit(":", 1)[1])
        url = f"http://no-such-host.invalid:{port}/x"
        await post(url, b"{}", {}, allow=["no-such-host.invalid"], resolve=resolve)
        assert asked == [("no-such-host.invalid", port)], "it was resolved once, here"
        assert there.got[0][0]["host"] == f"no-such-host.invalid:{port}"

"""``shelter-edge page``: the page for a technician's phone, before there is an agent."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import fail, spoken_language

if TYPE_CHECKING:
    from edge_agent.page.addresses import Listen

PIN_FILE = "page.pin"

_WORDS = {
    "ja": {
        "listen": (
            "--listen に、盤のネットワークでのこの機械のアドレスを指定してください(例 --listen 192.168.10.5:8080)。"
        ),
        "mine": "この機械のアドレス: {addresses}",
        "everywhere": (
            "どこからでも受け付けるには、先に PIN を作ってください: shelter-edge page --dir {folder} --new-pin"
        ),
        "pin": "PIN: {pin}",
        "pin_once": "PIN は今だけ表示します。控えてください。忘れたら --new-pin で作り直せます。",
        "open": "スマートフォンを盤のネットワークにつなぎ、次を開いてください: {url}",
        "stop": "Ctrl-C で終了します。",
        "tls": "--tls-cert と --tls-key は両方指定してください。",
    },
    "en": {
        "listen": (
            "Give --listen the address of this machine on the cabinet's network, such as --listen 192.168.10.5:8080."
        ),
        "mine": "Addresses of this machine: {addresses}",
        "everywhere": ("To listen everywhere, make a PIN first: shelter-edge page --dir {folder} --new-pin"),
        "pin": "PIN: {pin}",
        "pin_once": "The PIN is shown only now: note it. --new-pin makes another one.",
        "open": "Connect the phone to the cabinet's network and open: {url}",
        "stop": "Ctrl-C ends it.",
        "tls": "Give both --tls-cert and --tls-key.",
    },
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(page)


def page(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of the commissioning: gets site.yaml, keys, reports.")],
    listen: Annotated[
        str | None, typer.Option(help="Address of this machine on the cabinet's network, ADDRESS[:PORT]; port 8080.")
    ] = None,
    new_pin: Annotated[bool, typer.Option("--new-pin", help="Make a new PIN, show it, and end.")] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM), to serve by https.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    lang: Annotated[str | None, typer.Option(help="ja or en; as LANG says when left out, else ja.")] = None,
) -> None:
    """Serve the page for a phone beside the cabinet. 盤のそばのスマートフォンで使うページを出します。

    Needs no internet and no site file: the page leads from an unknown cabinet to the signed report, by the same steps
    as `commission`. The PIN is made on the first start and shown once. A running agent serves the page by itself when
    site.yaml has `page:`; do not run both, since many inverters take one connection only. Ends with Ctrl-C.

    \b
    Examples:
      shelter-edge page --dir /var/lib/shelter --listen 192.168.10.5:8080
      shelter-edge page --dir /var/lib/shelter --new-pin
    """
    from edge_agent.page.addresses import AddressError, parse_listen
    from edge_agent.page.pin import PinError
    from edge_agent.page.pin import new_pin as make_pin

    spoken = spoken_language(lang)
    words = _WORDS[spoken]
    pin_file = folder.resolve() / PIN_FILE
    try:
        if new_pin:
            _show_pin(make_pin(pin_file), spoken)
            return
        if (tls_cert is None) != (tls_key is None):
            fail(words["tls"])
        if listen is None:
            fail(words["listen"] + _mine(spoken))
        where = parse_listen(listen)
        if where.is_everywhere and not pin_file.exists():
            fail(words["everywhere"].format(folder=folder))
        if not pin_file.exists():
            _show_pin(make_pin(pin_file), spoken)
        tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None
        raise typer.Exit(_serve(folder.resolve(), where, pin_file, tls, spoken))
    except (AddressError, PinError) as error:
        fail(str(error))


def _serve(folder: Path, where: Listen, pin_file: Path, tls: tuple[Path, Path] | None, spoken: str) -> int:
    from edge_agent.logs import configure_logs
    from edge_agent.page.serving import parts_over, serve
    from edge_agent.page.site import PageError

    configure_logs("warning")

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        parts = parts_over(folder, where, pin_file, is_tls=tls is not None)
        await serve(parts, lambda port: _show_url(where, port, spoken, is_tls=tls is not None), tls)

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        return 0
    except PageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _show_pin(pin: str, spoken: str) -> None:
    words = _WORDS[spoken]
    sys.stdout.write(f"{words['pin'].format(pin=pin)}\n{words['pin_once']}\n")
    sys.stdout.flush()


def _show_url(where: Listen, port: int, spoken: str, *, is_tls: bool) -> None:
    from edge_agent.page.addresses import Listen as At

    words = _WORDS[spoken]
    if where.is_everywhere:
        from edge_agent.page.serving import addresses_of_this_machine

        hosts = addresses_of_this_machine() or ["127.0.0.1"]
    else:
        hosts = [where.host]
    urls = [f"{'https' if is_tls else 'http'}://{At(host, port).url}/" for host in hosts]
    sys.stdout.write(words["open"].format(url=" ".join(urls)) + "\n")
    if sys.stdout.isatty():
        import segno

        segno.make(urls[0], error="m").terminal(sys.stdout, compact=True)
    sys.stdout.write(words["stop"] + "\n")
    sys.stdout.flush()


def _mine(spoken: str) -> str:
    from edge_agent.page.serving import addresses_of_this_machine

    found = addresses_of_this_machine()
    return "\n" + _WORDS[spoken]["mine"].format(addresses=", ".join(found)) if found else ""

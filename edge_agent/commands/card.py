"""``shelter-edge card``: the card for the wall beside the cabinet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import fail, load_sites, spoken_language

if TYPE_CHECKING:
    from edge_agent.config import SiteConfig

_WORDS = {
    "ja": {
        "not_steered": "{config}: steering: がないため、この避難所は制御されません。カードはありません。",
        "written": "{out} を書きました。A4 で 1 枚印刷し、空欄を手書きで埋めて掲示してください。",
        "by_pen": "ページのアドレスが分からないため空欄です。--address 192.168.10.5:8080 のように指定すると入ります。",
        "stuck": "{out} に書けません: {why}。書き込めるフォルダーを --out で指定してください。",
    },
    "en": {
        "not_steered": "{config}: no section steering:, so nothing here is ever switched and there is no card",
        "written": "Wrote {out}. Print it on one A4 sheet, fill in the blanks by pen, and put it on the wall.",
        "by_pen": "The page's address is not known and left blank; --address 192.168.10.5:8080 puts it in.",
        "stuck": "{out} can't be written: {why}. Give --out a folder that can.",
    },
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(card)


def card(
    config: Annotated[Path, typer.Option("--config", "-c", help="Site file (YAML).")],
    out: Annotated[Path, typer.Option(help="HTML file to write; print it from a browser.")] = Path("card.html"),
    address: Annotated[
        str | None, typer.Option(help="Address of the page, ADDRESS[:PORT]; else as the site file's page: says.")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="ja or en; usually as the system says.")] = None,
) -> None:
    """Write the card for the wall: what to do in an outage, by hand, step by step. 停電時の操作カードを作ります。

    One page of A4 with the shelter's name and number, the steps of the site file's by_hand, how to use the switch on
    site with a QR code of the page, and blanks for telephone numbers.

    \b
    Examples:
      shelter-edge card --config /etc/shelter/site.yaml --out card.html --lang ja
    """
    import time

    from edge_agent.page.addresses import AddressError
    from edge_agent.page.card import NotSteeredError, card_of, write_card

    spoken = spoken_language(lang)
    words = _WORDS[spoken]
    site = load_sites([config], lang)[0]
    try:
        where = _address(site, address)
        is_tls = site.page is not None and site.page.cert_file is not None
        shown = card_of(
            site,
            spoken,
            address=where,
            scheme="https" if is_tls else "http",
            printed_ms=time.time_ns() // 1_000_000,
        )
        out.write_text(write_card(shown, spoken), encoding="utf-8")
    except AddressError as error:
        fail(f"--address: {error}")
    except NotSteeredError:
        fail(words["not_steered"].format(config=config))
    except OSError as error:
        fail(words["stuck"].format(out=out, why=error.strerror or error))
    typer.echo(words["written"].format(out=out))
    if not where:
        typer.echo(words["by_pen"])


def _address(site: SiteConfig, given: str | None) -> str:
    from edge_agent.page.addresses import AddressError, Listen, parse_listen
    from edge_agent.page.card_address import card_address
    from edge_agent.page.serving import addresses_of_this_machine

    if given is not None:
        return parse_listen(given).url
    if site.page is None:
        return ""
    try:
        listen = parse_listen(site.page.host, site.page.port)
    except AddressError:
        return ""
    if not listen.is_everywhere:
        return card_address(listen)
    mine = addresses_of_this_machine()
    return Listen(mine[0], listen.port).url if len(mine) == 1 else ""

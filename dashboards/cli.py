"""``shelter-dashboards``: Grafana's dashboards, built, checked and pushed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from central.store.base import StoreError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Url = Annotated[str, typer.Option("--url", help="Address of InfluxDB.", envvar="SHELTER_STORE_URL")]
TokenFile = Annotated[
    Path, typer.Option("--token-file", help="File with the token; 1.x: user:password.", dir_okay=False, exists=True)
]
Bucket = Annotated[str, typer.Option(help="Bucket or database of raw readings.")]
RollupBucket = Annotated[str, typer.Option(help="Bucket or database of half hours, days and events.")]


@app.callback()
def about() -> None:
    """Grafana's dashboards as code: five boards over InfluxDB, their data sources and alert rules.

    Grafana 10 or later. Either mount generated/ and provisioning/ into it, or push the boards to one that runs.
    """


@app.command("build")
def build_files(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when a file is not up to date.")] = False,
) -> None:
    """Make generated/*.json and provisioning/*.yaml from the code, and hold the boards against Grafana's rules.

    The rules are those that Grafana applies on loading (uid, panel numbers, the grid, data sources, variables, links):
    what breaks one is named, and the command ends with 1.

    Examples:

        shelter-dashboards build

        shelter-dashboards build --check
    """
    from dashboards.build import HERE, boards, build, stale
    from dashboards.rules import faults

    if found := faults(boards()):
        for one in found:
            typer.echo(one, err=True)
        _fail("Grafana would not show these boards as they are meant: nothing was written")
    changed = stale() if check else build()
    for path in changed:
        typer.echo(f"{'not up to date' if check else 'written'}: {path.relative_to(HERE)}")
    if check and changed:
        _fail("the code makes other files: run shelter-dashboards build and commit them")
    if not changed:
        typer.echo("all files are up to date")


@app.command("check")
def check_boards(
    url: Url,
    token_file: TokenFile,
    bucket: Bucket = "shelter",
    rollup_bucket: RollupBucket = "shelter_rollup",
    at: Annotated[str | None, typer.Option(help="End of the time to look at, UTC, as 2026-10-15T05:00; now.")] = None,
    sites: Annotated[int, typer.Option(min=1, help="Try the board of one shelter with so many of them.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Run every query of every panel, mark and variable against an InfluxDB, and name what is empty or fails.

    Each board is asked with the time that it opens with. Ends with 1 when something is wrong.

    Examples:

        shelter-dashboards check --url http://127.0.0.1:8086 --token-file influx.token

        shelter-dashboards check --url http://127.0.0.1:8086 --token-file influx.token --at 2026-10-15T05:00 --json
    """
    from dashboards import check
    from dashboards.build import boards
    from dashboards.queries import Source

    checker = check.Checker(url, _secret(token_file), {Source.RAW: bucket, Source.ROLLUP: rollup_bucket})
    try:
        to_ms = _moment(at)
        found = checker.check(boards().values(), to_ms=to_ms, sites=checker.sites()[:sites])
    except StoreError as error:
        _fail(str(error))
    finally:
        checker.close()
    if not found:
        _fail(f"{url}: no shelter is in {bucket}: does the service write there (store.kind influx)?")
    bad = [one for one in found if one.problem]
    if as_json:
        typer.echo(check.as_json(found))
    else:
        for one in bad:
            typer.echo(f"{one.board} / {one.panel}: {one.problem}\n    {one.query}")
        typer.echo(f"{len(found)} queries, {sum(one.rows for one in found)} rows, {len(bad)} empty or failing")
    if bad:
        raise typer.Exit(1)


@app.command("push")
def push_boards(
    url: Annotated[str, typer.Option("--url", help="Address of Grafana.")],
    token_file: Annotated[
        Path, typer.Option("--token-file", help="File with a service account's token.", dir_okay=False, exists=True)
    ],
    message: Annotated[str, typer.Option(help="Stands in Grafana's version history.")] = "shelter-dashboards push",
    alerts: Annotated[bool, typer.Option("--alerts", help="Alert rules, too; not beside those from files.")] = False,
) -> None:
    """Put the five boards into a running Grafana, over what stands there. Data sources are not touched.

    The boards want data sources with the uids shelter-raw and shelter-rollup (provisioning/datasources.yaml). Alert
    rules that are pushed can be edited in Grafana; who is told of them is said there (contact points).

    Examples:

        shelter-dashboards push --url https://grafana.city.example --token-file grafana.token

        shelter-dashboards push --url https://grafana.city.example --token-file grafana.token --alerts
    """
    from dashboards.alerts import group
    from dashboards.build import boards
    from dashboards.push import PushError, push
    from dashboards.sources import FOLDER_UID

    rules = group(FOLDER_UID) if alerts else None
    try:
        for one in push(url, _secret(token_file), boards().values(), message=message, rules=rules):
            typer.echo(f"{one.title}: {one.url} version {one.version}")
        if rules is not None:
            typer.echo(f"{len(rules['rules'])} alert rules")
    except PushError as error:
        _fail(str(error))


@app.command("draw")
def draw_boards(
    url: Url,
    token_file: TokenFile,
    out: Annotated[Path, typer.Option(help="Folder for the pictures, one SVG a board.", file_okay=False)],
    bucket: Bucket = "shelter",
    rollup_bucket: RollupBucket = "shelter_rollup",
    at: Annotated[str | None, typer.Option(help="End of the time to show, UTC, as 2026-10-15T05:00; now.")] = None,
    site: Annotated[str | None, typer.Option(help="Shelter of the board of one; by default the first.")] = None,
    note: Annotated[str, typer.Option(help="Stands under each title: where the data come from.")] = "",
) -> None:
    """Draw the boards with a database's answers, for handbooks. Grafana is not needed, and looks different.

    Examples:

        shelter-dashboards draw --url http://127.0.0.1:8086 --token-file influx.token --out pictures
    """
    from central.store.influx_query import InfluxQuery
    from dashboards.boards.common import ENERGY, SITE
    from dashboards.build import boards
    from dashboards.check import Checker
    from dashboards.draw.board import picture
    from dashboards.queries import Source

    token, to_ms = _secret(token_file), _moment(at)
    buckets = {Source.RAW: bucket, Source.ROLLUP: rollup_bucket}
    askers = {source: InfluxQuery(url, token, name, timeout_s=60.0) for source, name in buckets.items()}
    checker = Checker(url, token, buckets)
    try:
        known = checker.sites()
        if not known or (site or known[0]) not in known:
            _fail(f"{url}: {site} is not in {bucket}" if site else f"{url}: no shelter is in {bucket}")
        out.mkdir(parents=True, exist_ok=True)
        for uid, board in boards().items():
            chosen = (site or known[0]) if uid == SITE else ".*"
            span_ms = 31 * 86_400_000 if uid == ENERGY else None
            made = picture(board, askers, to_ms=to_ms, site=chosen, note=note, span_ms=span_ms)
            (out / f"{uid}.svg").write_text(made, encoding="utf-8")
            typer.echo(str(out / f"{uid}.svg"))
    except StoreError as error:
        _fail(str(error))
    finally:
        checker.close()
        for asker in askers.values():
            asker.close()


def _moment(text: str | None) -> int:
    from datetime import UTC, datetime

    if text is None:
        return time.time_ns() // 1_000_000
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        _fail(f"--at {text!r}: want a time such as 2026-10-15T05:00 (UTC)", code=2)
    return round((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() * 1_000)


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{path}: {error}", code=2)


def _fail(text: str, *, code: int = 1) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of ``shelter-dashboards``."""
    app()

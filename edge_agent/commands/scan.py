"""``shelter-edge scan``: find Modbus units on a network or a serial line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import fail, spoken_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.commissioning.networks import Plan
    from edge_agent.commissioning.show_scan import Outcome

LangOption = Annotated[str | None, typer.Option(help="ja or en; as LANG says when left out, else ja.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
UnitOption = Annotated[
    list[int] | None, typer.Option("--unit", "-u", min=0, max=255, help="Try only this unit. May be given again.")
]
AllUnitsOption = Annotated[bool, typer.Option("--all-units", help="Try units 1-247, not only the usual ones.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.05, max=10, help="Seconds to wait for a unit.")]
BaudrateOption = Annotated[int | None, typer.Option(min=300, max=921_600, help="Speed of the serial line.")]
ParityOption = Annotated[str | None, typer.Option(help="Parity of the serial line: N, E or O.")]
TrySerialOption = Annotated[bool, typer.Option("--try-serial", help="Try the usual speeds and parities in turn.")]
RtuOverTcpOption = Annotated[
    bool, typer.Option("--rtu-over-tcp", help="Hosts are converters that pass on a serial line's bytes as they are.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)


def scan(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="192.168.1.0/24, HOST, HOST:PORT or /dev/ttyUSB0. Without one, what this machine sees is offered.",
        ),
    ] = None,
    unit: UnitOption = None,
    all_units: AllUnitsOption = False,
    port: Annotated[
        list[int] | None,
        typer.Option("--port", min=1, max=65_535, help="TCP port instead of the usual ones. May be given again."),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=20, help="Connections and requests a second, at most.")] = 20,
    timeout: TimeoutOption = 0.8,
    baudrate: BaudrateOption = None,
    parity: ParityOption = None,
    try_serial: TrySerialOption = False,
    rtu_over_tcp: RtuOverTcpOption = False,
    no_identify: Annotated[bool, typer.Option("--no-identify", help="Only find units, do not identify them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Scan even a large network or one that is not private.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Find Modbus devices and say which profile fits. 盤の中の Modbus 機器を探し、合う profile を示します。

    Scan only the network of the cabinet, never any other. It reads and never writes, asks each host one thing at a
    time and knocks at most 20 times a second. Ctrl-C stops it and shows what was found so far. The result ends with
    lines for site.yaml. Ends with code 0 when a device was found, 1 when none was, 2 when the arguments are wrong,
    130 after Ctrl-C. Stop a running agent first: many inverters take one connection only.

    \b
    Examples:
      # What could be scanned from here?
      shelter-edge scan
      shelter-edge scan 192.168.1.0/24
      # An RS-485 line of unknown speed; a gateway with any unit numbers
      shelter-edge scan /dev/ttyUSB0 --try-serial
      shelter-edge scan 192.168.1.50:502 --all-units
    """
    from edge_agent.commissioning.looking import Looking, announcement, library, look
    from edge_agent.commissioning.ports import ports_of, questions, settings, strictest

    spoken = spoken_language(lang)
    check_parity(parity)
    profiles = library()
    if not targets:
        _offer(spoken, as_json=as_json)
        return
    plan = _planned(targets, port or ports_of(profiles), spoken, yes=yes)
    looking = Looking(
        plan=plan,
        asked=questions(profiles, units=unit or (), all_units=all_units),
        settings=settings(baudrate=baudrate, parity=parity, try_all=try_serial),
        rate=rate,
        timeout_s=timeout,
        is_identifying=not no_identify,
        is_rtu_over_tcp=rtu_over_tcp,
    )
    sys.stderr.write(announcement(looking, strictest(profiles), spoken))
    sys.stderr.flush()
    outcome = look(looking, profiles, spoken)
    show(outcome, spoken, as_json=as_json, reasons=False)
    raise typer.Exit(130 if outcome.stopped else 0 if outcome.found.units else 1)


def show(outcome: Outcome, spoken: str, *, as_json: bool, reasons: bool) -> None:
    """Print the result on stdout."""
    from edge_agent.commissioning.show_scan import as_json as json_of
    from edge_agent.commissioning.show_scan import page

    if as_json:
        sys.stdout.write(json.dumps(json_of(outcome), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(page(outcome, spoken, reasons=reasons))


def check_parity(parity: str | None) -> None:
    """End the command when there is no such parity."""
    from edge_agent.commissioning.ports import PARITIES

    if parity is not None and parity not in PARITIES:
        fail(f"--parity: want one of {', '.join(PARITIES)}, got {parity!r}")


def _planned(targets: Sequence[str], ports: Sequence[int], spoken: str, *, yes: bool) -> Plan:
    from edge_agent.commissioning.networks import TargetError, check_name, insisted, parse_target, plan_of
    from edge_agent.commissioning.words_scan import SCAN, target_error_in_words

    parsed, faults = [], []
    for text in targets:
        try:
            parsed.append(parse_target(text))
            check_name(parsed[-1])
        except TargetError as error:
            faults.append(target_error_in_words(error, spoken))
    if faults:
        fail("\n".join(faults))
    plan = plan_of(parsed, ports)
    if plan.doubts and not yes:
        fail("\n".join([*(target_error_in_words(each, spoken) for each in plan.doubts), SCAN[spoken]["stop"]]))
    return insisted(parsed, ports) if plan.doubts else plan


def _offer(spoken: str, *, as_json: bool) -> None:
    from edge_agent.commissioning.networks import own_networks, serial_ports
    from edge_agent.commissioning.words_scan import SCAN

    words, networks, serial = SCAN[spoken], own_networks(), serial_ports()
    if as_json:
        sys.stdout.write(json.dumps({"networks": networks, "serial": serial}) + "\n")
        return
    lines = [words["offer"] if networks or serial else words["offer_none"]]
    lines += [words["offer_network"].format(network=network) for network in networks]
    lines += [words["offer_serial"].format(port=port) for port in serial]
    sys.stdout.write("\n".join([*lines, words["warning"]]) + "\n")

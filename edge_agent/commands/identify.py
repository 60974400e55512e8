"""``shelter-edge identify``: what is it that answers at one place, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.commands.common import fail, spoken_language
from edge_agent.commands.scan import (
    AllUnitsOption,
    BaudrateOption,
    JsonOption,
    LangOption,
    ParityOption,
    RtuOverTcpOption,
    TimeoutOption,
    TrySerialOption,
    UnitOption,
    check_parity,
    show,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(identify)


def identify(
    target: Annotated[str, typer.Argument(metavar="HOST[:PORT]|SERIAL", help="One device, gateway or serial port.")],
    unit: UnitOption = None,
    all_units: AllUnitsOption = False,
    timeout: TimeoutOption = 2.0,
    baudrate: BaudrateOption = None,
    parity: ParityOption = None,
    try_serial: TrySerialOption = False,
    rtu_over_tcp: RtuOverTcpOption = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Propose the profile of a device, with reasons. 機器に合う profile を、根拠とともに示します。

    Looks at the SunSpec marker, device identification (function 43/14), the registers by which a family is known, and
    how many of its values read plausibly. It says how sure it is, and when two fit. Reads and never writes. Without
    --unit the usual units are tried. Ends with code 0 when one profile stands out for each device found, 1 when none
    does, several do or nobody answers, 2 when the arguments are wrong, 130 after Ctrl-C.

    \b
    Examples:
      shelter-edge identify 192.168.1.20
      shelter-edge identify 192.168.1.50:1502 --unit 1 --lang en
      shelter-edge identify /dev/ttyUSB0 --baudrate 19200 --parity E --unit 2
    """
    from edge_agent.commissioning.looking import Looking, library, look
    from edge_agent.commissioning.networks import NetworkTarget, TargetError, check_name, parse_target, plan_of
    from edge_agent.commissioning.ports import ports_of, questions, settings
    from edge_agent.commissioning.scan import RATE_DEFAULT
    from edge_agent.commissioning.show_scan import is_decided
    from edge_agent.commissioning.words_scan import target_error_in_words

    spoken = spoken_language(lang)
    check_parity(parity)
    profiles = library()
    try:
        place = parse_target(target)
        if isinstance(place, NetworkTarget):
            raise TargetError("one_place", given=target)
        check_name(place)
    except TargetError as error:
        fail(target_error_in_words(error, spoken))
    looking = Looking(
        plan=plan_of([place], ports_of(profiles)),
        asked=questions(profiles, units=unit or (), all_units=all_units),
        settings=settings(baudrate=baudrate, parity=parity, try_all=try_serial),
        rate=RATE_DEFAULT,
        timeout_s=timeout,
        is_rtu_over_tcp=rtu_over_tcp,
    )
    outcome = look(looking, profiles, spoken)
    show(outcome, spoken, as_json=as_json, reasons=True)
    raise typer.Exit(130 if outcome.stopped else 0 if is_decided(outcome) else 1)

"""``shelter-edge commission``: from an unknown cabinet to a signed report."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import AtOption, fail, moment_s, spoken_language
from edge_agent.commands.scan import (
    AllUnitsOption,
    BaudrateOption,
    LangOption,
    ParityOption,
    RtuOverTcpOption,
    TimeoutOption,
    TrySerialOption,
    UnitOption,
    check_parity,
)

if TYPE_CHECKING:
    from edge_agent.commissioning.walk_options import Options

_KINDS = ("reserve", "charge", "discharge_block", "backup", "export_limit")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(commission)


def commission(
    addresses: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ADDRESS]...", help="192.168.1.0/24, HOST, HOST:PORT or /dev/ttyUSB0: where to look."),
    ] = None,
    folder: Annotated[Path, typer.Option("--dir", help="Folder of this shelter; gets site.yaml and the report.")] = (
        Path("site")
    ),
    bundle: Annotated[
        Path | None,
        typer.Option(exists=True, help="ZIP that the city made (shelter-central provision), or the folder with it."),
    ] = None,
    outbox: Annotated[str | None, typer.Option(help="Where readings wait, instead of where the ZIP says.")] = None,
    site: Annotated[str | None, typer.Option(help="The shelter's number, such as E0000000001111.")] = None,
    name: Annotated[str | None, typer.Option(help="The shelter's name.")] = None,
    technician: Annotated[str | None, typer.Option(help="Who commissions it.")] = None,
    company: Annotated[str | None, typer.Option(help="Of the technician.")] = None,
    mqtt_host: Annotated[str | None, typer.Option(help="The city's broker.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Its port; 1883 when left out.")] = None,
    mqtt_user: Annotated[str | None, typer.Option(help="User name at the broker.")] = None,
    mqtt_password_file: Annotated[str | None, typer.Option(help="File with the password at the broker.")] = None,
    mqtt_ca_file: Annotated[str | None, typer.Option(help="Certificate that proves the broker.")] = None,
    take: Annotated[
        list[str] | None,
        typer.Option("--take", help="Take this device: NAME=PROFILE@HOST:PORT/UNIT. May be given again."),
    ] = None,
    unit: UnitOption = None,
    all_units: AllUnitsOption = False,
    baudrate: BaudrateOption = None,
    parity: ParityOption = None,
    try_serial: TrySerialOption = False,
    rtu_over_tcp: RtuOverTcpOption = False,
    timeout: TimeoutOption = 0.8,
    watch: Annotated[float, typer.Option(min=4, max=3_600, help="Seconds that the check watches.")] = 20.0,
    load_step: Annotated[
        float | None, typer.Option(min=200, max=100_000, help="W of the load that you switch on when asked.")
    ] = None,
    no_load_step: Annotated[bool, typer.Option("--no-load-step", help="Leave the test with a load out.")] = False,
    load_step_after: Annotated[
        float | None, typer.Option(min=1, max=600, help="Do not wait for Enter: go on after so many seconds.")
    ] = None,
    load_phase: Annotated[str, typer.Option(help="l1, l2 or l3: the phase of that load, if you know it.")] = "",
    controls: Annotated[
        str | None,
        typer.Option(
            help="What to test: all, none, or kinds such as reserve,charge. Left out: reserve, or what is there."
        ),
    ] = None,
    hold: Annotated[float, typer.Option(min=1, max=3_600, help="Seconds that a written value must stay.")] = 20.0,
    tiers: Annotated[bool, typer.Option("--tiers", help="Switch each relay once and ask what went dark.")] = False,
    backup: Annotated[bool, typer.Option("--backup", help="Outage test: asks you to open the grid breaker.")] = False,
    photo: Annotated[
        list[Path] | None, typer.Option("--photo", help="A picture for the report. May be given again.")
    ] = (None),
    remarks: Annotated[str | None, typer.Option(help="Remarks for the report.")] = None,
    redo: Annotated[
        list[str] | None,
        typer.Option("--redo", help="Do again: scan, devices, check, load_step, controls, all. May be given again."),
    ] = None,
    forget_restore: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Do not put back what an interrupted test left, since you have seen to it; the report will say so.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is sure, begin every test.")] = False,
    at: AtOption = "",
    lang: LangOption = None,
) -> None:
    """From an unknown cabinet to a signed report. 機器を探し、点検と制御試験をして、署名付きの報告書を作ります。

    Asks only what it does not know, and goes on where it was cut off. It finds the devices (reading only), writes
    site.yaml, checks what they say, has you switch a known load on, orders something small of each battery, reads it
    back and puts back what was there (also after Ctrl-C or a power cut), and signs the report. The running agent sends
    it to the city. The city's ZIP is checked before it is used (number, dates, key, authority); it may come later, by
    the same command again. Ends with code 0 when the shelter is verified, 1 when something is not proven, 2 when
    options or files are wrong, 130 after Ctrl-C. Stop a running agent first: many inverters take one connection only.

    \b
    Examples:
      # Asks everything
      shelter-edge commission
      # With the city's ZIP: broker, certificates and the city's key go into the site file
      sudo -u shelter shelter-edge commission --dir /etc/shelter --bundle E0000000001111.zip 192.168.1.0/24
      # Without questions, the load switched on by hand within 20 s
      shelter-edge commission 192.168.1.20 --site E0000000001111 --technician 'A. Sato' --mqtt-host mqtt.example \\
        --load-step 2000 --load-step-after 20 --yes
      # Later: the outage test, and a new report
      shelter-edge commission --dir /etc/shelter --backup
    """
    from edge_agent.commissioning.found import ScanWish
    from edge_agent.commissioning.progress import Timing
    from edge_agent.commissioning.walk_options import Options, steps_of, taken_of
    from edge_agent.commissioning.words_cli import CLI
    from edge_agent.logs import configure_logs

    spoken = spoken_language(lang)
    words = CLI[spoken]
    if forget_restore is not None:
        _forget(folder, forget_restore, spoken)
        return
    check_parity(parity)
    if load_phase not in ("", "l1", "l2", "l3"):
        fail(f"--load-phase: want one of l1, l2, l3, got {load_phase!r}")
    if no_load_step and load_step is not None:
        fail("--load-step and --no-load-step: give one of them")
    taken = []
    for text in take or ():
        device = taken_of(text)
        if device is None:
            fail(words["bad_take"].format(given=text))
        taken.append(device)
    steps = steps_of(redo or ())
    if isinstance(steps, str):
        fail(words["bad_redo"].format(given=steps, steps="scan, devices, check, load_step, controls, all"))
    kinds = None if controls in (None, "all") else tuple(part for part in controls.split(",") if part != "none")
    if kinds is not None and (unknown := next((kind for kind in kinds if kind not in _KINDS), None)) is not None:
        fail(words["bad_controls"].format(given=unknown, kinds=", ".join(_KINDS)))
    options = Options(
        wish=ScanWish(
            targets=tuple(addresses or ()),
            units=tuple(unit or ()),
            all_units=all_units,
            timeout_s=timeout,
            baudrate=baudrate,
            parity=parity,
            try_serial=try_serial,
            is_rtu_over_tcp=rtu_over_tcp,
            is_insisted=yes,
        ),
        take=tuple(taken),
        bundle=bundle,
        outbox=outbox,
        site=site,
        name=name,
        technician=technician,
        company=company,
        mqtt_host=mqtt_host,
        mqtt_port=mqtt_port,
        mqtt_username=mqtt_user,
        mqtt_password_file=mqtt_password_file,
        mqtt_ca_file=mqtt_ca_file,
        load_w=0.0 if no_load_step else load_step,
        load_after_s=load_step_after,
        load_phase=load_phase,
        controls=kinds,
        is_every_control=controls == "all",
        has_tiers=tiers,
        has_backup=backup,
        remarks=remarks,
        photos=tuple(photo or ()),
        redo=steps,
        is_asking=sys.stdin.isatty(),
        says_yes=yes,
    )
    configure_logs("error")
    timing = Timing(watch_s=watch, hold_s=hold, given_s=moment_s(at))
    raise typer.Exit(_walk(folder, options, timing, spoken))


def _forget(folder: Path, entry: str, spoken: str) -> None:
    """Drop an entry of the journal, and say what that means."""
    from edge_agent.commissioning.operations import Commissioning
    from edge_agent.commissioning.store import StoreError
    from edge_agent.commissioning.taking import StepError
    from edge_agent.commissioning.words_cli import CLI
    from edge_agent.commissioning.words_walk import step_error_in_words, store_error_in_words
    from edge_agent.config import ConfigError
    from edge_agent.config_faults import in_words
    from edge_agent.io.journal import JournalError

    try:
        with Commissioning(folder) as commissioning:
            told = commissioning.forget_restore(entry)
    except StoreError as error:
        fail(store_error_in_words(error, spoken))
    except StepError as error:
        fail(step_error_in_words(error, spoken))
    except ConfigError as error:
        fail(in_words(str(error), spoken))
    except JournalError as error:
        fail(CLI[spoken]["journal"].format(why=str(error)))
    sys.stdout.write((told.ja if spoken == "ja" else told.en) + "\n" + CLI[spoken]["forgotten"] + "\n")


def _walk(folder: Path, options: Options, timing: object, spoken: str) -> int:
    from edge_agent.commissioning.operations import Commissioning
    from edge_agent.commissioning.progress import Timing
    from edge_agent.commissioning.store import StoreError
    from edge_agent.commissioning.talk import Terminal
    from edge_agent.commissioning.walk import Walk
    from edge_agent.commissioning.words_cli import CLI
    from edge_agent.commissioning.words_walk import store_error_in_words
    from edge_agent.config import ConfigError

    assert isinstance(timing, Timing)
    talk = Terminal(spoken)
    try:
        with Commissioning(folder, timing=timing) as commissioning:
            return int(asyncio.run(Walk(commissioning, options, talk, spoken).run()))
    except StoreError as error:
        fail(store_error_in_words(error, spoken))
    except ConfigError as error:
        fail(str(error))
    except KeyboardInterrupt:
        talk.say()
        talk.say(CLI[spoken]["stopped"])
        return 130
    finally:
        talk.quiet()

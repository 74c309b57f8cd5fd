"""`masakari-monitors notify --test`: one report that recovers nothing, all the way that a real one takes.

To an embedded receiver, unless --live is said: then with this configuration's credentials to masakari-api, as a word
about an instance that does not exist, of a kind that masakari's engine files and does not act on.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import loader
from masakarimonitors.core.notification import VmNotification, to_wire
from masakarimonitors.masakari_answers import Delivered, Duplicate, Refused, Unreachable
from masakarimonitors.masakari_api import LookupFailed, MasakariApi
from masakarimonitors.masakari_lists import notification
from masakarimonitors.system.clock import Clock, SystemClock

_EVENT, _DETAIL = "LIFECYCLE", "SUSPENDED_PAUSED"
_WITHIN = 60.0
"""Seconds for masakari's engine to end with it; it takes half a second where it has nothing else to do."""
_EVERY = 2.0
_ENDED = ("ignored", "finished")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How it ended. `accepted`: by masakari-api; `status`: masakari's last word about it, "" without any."""

    code: Exit
    host: str
    accepted: bool
    uuid: str
    status: str
    text: str


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "notify",
        help="send a report that recovers nothing, to see that reports arrive",
        description="Sends one word about an instance that does not exist, of a kind that masakari's engine files "
        f"and does not act on. {codes('notify')}",
    )
    parser.add_argument("--test", action="store_true", required=True, help="there is no other kind")
    parser.add_argument(
        "--live",
        nargs=2,
        metavar=("HOST", "HOST"),
        help="to the masakari-api of this configuration, about an instance on this host; its name twice, as registered"
        " in a segment. Without it: to an embedded receiver, on loopback",
    )
    parser.add_argument("--json", action="store_true", help="one document for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Send it, and tell what became of it."""
    conf = loader.load(rest, prog="masakari-monitors")
    names: Sequence[str] = arguments.live or ()
    if conf.shadow:
        say(
            "[DEFAULT] shadow = true: nothing is posted by this configuration; nothing was sent",
            to=sys.stderr,
        )
        return Exit.WRONG_WORDS
    if len(set(names)) > 1:
        say(
            f"--live names two hosts, {names[0]} and {names[1]}: nothing was sent. Name one, twice",
            to=sys.stderr,
        )
        return Exit.WRONG_WORDS
    clock = SystemClock()
    try:
        report = VmNotification(
            names[0] if names else conf.hostname,
            clock.now().wall,
            event=_EVENT,
            instance_uuid=str(uuid.uuid4()),
            vir_domain_event=_DETAIL,
        )
    except ValueError as fault:
        say(f"{fault}: masakari-api takes no such name; nothing was sent", to=sys.stderr)
        return Exit.WRONG_WORDS
    assert not report.is_acted_on
    said = asyncio.run(_send(conf, report, clock, live=bool(names)))
    if arguments.json:
        print(json.dumps(asdict(said)))
    else:
        say(said.text, to=sys.stderr if said.code else sys.stdout)
    return said.code


async def _send(conf: cfg.ConfigOpts, report: VmNotification, clock: Clock, *, live: bool) -> Said:
    async with _far(conf, clock, live=live) as (api, where):
        outcome = await api.send(json.dumps(to_wire(report)))
        match outcome:
            case Delivered(uuid=number):
                return await _follow(api, report, number, where, clock)
            case Refused(answer=answer, why=why):
                return _said(report, Exit.AMISS, f"{where} refused it: {answer}. {why}")
            case Duplicate(answer=answer):
                return _said(
                    report, Exit.AMISS, f"{where} calls it a duplicate, which it cannot be: {answer}"
                )
            case Unreachable(answer=answer):
                return _said(report, Exit.UNKNOWN, f"{where} is out of reach: {answer}")
    raise AssertionError(outcome)


@contextlib.asynccontextmanager
async def _far(conf: cfg.ConfigOpts, clock: Clock, *, live: bool) -> AsyncIterator[tuple[MasakariApi, str]]:
    """The client, and in words to whom it talks."""
    async with contextlib.AsyncExitStack() as stack:
        endpoint, where = None, "masakari-api"
        if not live:
            from masakarimonitors.receiver.app import Receiver

            where = "The embedded receiver"
            endpoint = await stack.enter_async_context(Receiver(":memory:", clock, finishes=True).serve())
        api = wiring.api_client(conf, endpoint)
        stack.callback(api.close)
        yield api, where


async def _follow(api: MasakariApi, report: VmNotification, number: str, where: str, clock: Clock) -> Said:
    """Until masakari's engine has ended with it."""
    if not number:
        return _said(report, Exit.AMISS, f"{where} took it, and gave it no number to look for", accepted=True)
    begun, status = clock.now().monotonic, ""
    while True:
        try:
            seen = await notification(api, number)
        except LookupFailed as fault:
            text = f"{where} took it as {number}, but what became of it cannot be read: {fault}"
            return _said(report, Exit.AMISS, text, number=number, accepted=True)
        status = seen.status if seen is not None else ""
        if status in _ENDED:
            text = f"{where} took it as {number}, and ended with it as {status}: reports of {report.hostname} arrive"
            return _said(report, Exit.FINE, text, number=number, status=status, accepted=True)
        if clock.now().monotonic - begun >= _WITHIN:
            break
        await clock.sleep(_EVERY)
    text = (
        f"{where} took it as {number}, and after {_WITHIN:g} s it is still {status or 'not to be seen'} there: reports "
        "arrive, and nobody acts on them. Is masakari-engine running, and free?"
    )
    return _said(report, Exit.AMISS, text, number=number, status=status, accepted=True)


def _said(
    report: VmNotification,
    code: Exit,
    text: str,
    *,
    number: str = "",
    status: str = "",
    accepted: bool = False,
) -> Said:
    return Said(code=code, host=report.hostname, accepted=accepted, uuid=number, status=status, text=text)

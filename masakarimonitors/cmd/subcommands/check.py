"""`masakari-monitors check`: what a monitor would build, built, and whoever it would ask, asked; nothing is run.

Each look is one function that gives findings, has its own time, and can fail without taking the others along.
"""

import argparse
import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from oslo_config import cfg

from masakarimonitors.cmd import shadowing, wiring
from masakarimonitors.cmd.checks import building, files, masakari, state, twins
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import ConfigFault, loader, state_path
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.finding import Finding, Weight, fault, ok, warning
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.status import unix_socket
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.patience import within
from masakarimonitors.system.tasks import side_by_side
from masakarimonitors.system.threads import Pool

_WITHIN = 60.0
"""Seconds for one look as a whole, whatever it asks."""
_DISK_WITHIN = 15.0
"""Seconds for what is only looked at on a disk."""
_BMCS_WITHIN = 600.0
"""Seconds for all BMCs: 1,000 hosts, eight at a time, five seconds each."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """Something to look at: what it is about, and how; `seconds` at most."""

    about: str
    find: Callable[[], Awaitable[Sequence[Finding]]]
    seconds: float = _WITHIN


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "check",
        help="look over the configuration, and ask whoever the monitors would ask",
        description="Builds what the monitors would build, and asks masakari-api, libvirt and the cluster engine. Run "
        f"it as the user of the monitors. {codes('check')}",
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="ask nobody: look at the files and the folders of this host alone",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document with all findings")
    parser.add_argument(
        "--bmc",
        action="store_true",
        help="ask the BMC of each host, too, as is done in any case where this host's monitor is the reporter",
    )
    parser.add_argument(
        "--monitor",
        action="append",
        choices=wiring.MONITORS,
        metavar="NAME",
        help="look at this monitor alone, which has to work here; may be repeated",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Print each finding."""
    try:
        conf = loader.load(rest, prog="masakari-monitors")
    except ConfigFault as error:
        found = [replace(fault(str(error)), about="configuration")]
    else:
        with _unlogged():
            found = asyncio.run(_look(conf, arguments))
    _print(found, as_json=arguments.json)
    return Exit.AMISS if any(one.weight is Weight.FAULT for one in found) else Exit.FINE


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """While the block runs, what is logged goes to no terminal: what matters of it is a finding."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        root.handlers = before


def _print(found: Sequence[Finding], *, as_json: bool) -> None:
    if not as_json:
        for one in found:
            first, *more = one.text.splitlines() or [""]
            say(f"{one.weight.value:8} {first}")
            for line in more:
                say(f"         {line}")
        return
    count = {weight: sum(one.weight is weight for one in found) for weight in Weight}
    rows: list[JSON] = [
        {"weight": one.weight.value.lower(), "about": one.about, "text": one.text} for one in found
    ]
    document: dict[str, JSON] = {
        "fine": not count[Weight.FAULT],
        "faults": count[Weight.FAULT],
        "warnings": count[Weight.WARNING],
        "findings": rows,
    }
    print(json.dumps(document))


async def _look(conf: cfg.ConfigOpts, arguments: argparse.Namespace) -> list[Finding]:
    """Everything, in the order in which a start meets it; what asks outside is asked at the same time."""
    names = building.monitors(arguments.monitor or ())
    if conf.shadow and not arguments.monitor:
        names = [name for name in names if not shadowing.lacking(name)]
    refused: list[Finding] = []
    try:
        api = wiring.api_client(conf)
    except ConfigFault as error:
        # What else is wrong is to be seen all the same: monitors are built with a client that nobody asks anything.
        refused = [fault(str(error))]
        api = wiring.api_client(conf, "http://127.0.0.1:9")
    here = await _each(_here(conf, names, arguments, api))
    # By now a third-party host driver has declared its options.
    named = ok(f"this host is called {conf.hostname}")
    found = [
        *_about("configuration", [*files.read(conf), *files.remarks(conf), named, *_shadow(conf)]),
        *here,
        *_about("masakari-api", refused),
    ]
    if not arguments.offline:
        found += await _each(_live(conf, names, arguments, None if refused else api))
    api.close()
    return found


def _shadow(conf: cfg.ConfigOpts) -> Sequence[Finding]:
    if not conf.shadow:
        return ()
    text = "[DEFAULT] shadow = true: these monitors only look, and nobody recovers anything because of them"
    return [warning(text)]


def _here(
    conf: cfg.ConfigOpts, names: Sequence[str], arguments: argparse.Namespace, api: MasakariApi
) -> list[Look]:
    """What a start meets on this host, in its order."""
    wanted, clock = bool(arguments.monitor), SystemClock()
    looks = [
        Look("log", partial(_aside, partial(building.place_of_log, conf, names)), _DISK_WITHIN),
        Look("state", partial(_aside, partial(state.look, conf, names)), _DISK_WITHIN),
        *(Look(name, partial(building.monitor, name, conf, api, clock, wanted=wanted)) for name in names),
    ]
    if "hostmonitor" in names:
        looks.append(Look("hostmonitor", partial(_rules, conf)))
    if "processmonitor" in names:
        looks.append(Look("processmonitor", partial(_aside, partial(_processes, conf))))
    return looks


async def _aside(look: Callable[[], T]) -> T:
    """What `look` returns, which blocks: a disk or a mount that hangs must not hold up everything else."""
    pool = Pool("check")
    try:
        return await pool.call(look, _BMCS_WITHIN)  # whoever calls this has its own time
    finally:
        pool.close()


def _live(
    conf: cfg.ConfigOpts, names: Sequence[str], arguments: argparse.Namespace, api: MasakariApi | None
) -> list[Look]:
    """Whoever the monitors would ask."""
    looks = [Look("other monitors", partial(_aside, partial(_twins, conf, names)))]
    if "instancemonitor" in names:
        looks.append(Look("instancemonitor", partial(_libvirts, "instancemonitor", conf)))
    if "introspectiveinstancemonitor" in names and not conf.shadow:
        looks.append(
            Look("introspectiveinstancemonitor", partial(_libvirts, "introspectiveinstancemonitor", conf))
        )
    if "hostmonitor" in names:
        looks.append(Look("hostmonitor", partial(_engine, conf)))
        looks.append(Look("BMCs", partial(_bmcs, conf, asked=arguments.bmc), _BMCS_WITHIN))
    if api is not None:
        looks.append(Look("masakari-api", partial(_masakari, conf, api)))
    return looks


async def _each(looks: Sequence[Look]) -> list[Finding]:
    """All at the same time; what one of them raises, or its time that is over, is its finding."""
    found = await side_by_side([_one(look) for look in looks])
    return [finding for findings in found for finding in findings]


async def _one(look: Look) -> Sequence[Finding]:
    try:
        async with within(look.seconds):
            return _about(look.about, await look.find())
    except TimeoutError:
        text = f"{look.about}: not known: no answer to everything within {look.seconds:g} s"
    except ConfigFault:
        return ()  # it was said when the monitor was built
    except Exception as error:  # noqa: BLE001 - one look that fails must not hide what the others have seen
        text = f"{look.about}: not known: {type(error).__name__}: {error}"
    return _about(look.about, [fault(text)])


def _about(about: str, found: Sequence[Finding]) -> list[Finding]:
    return [one if one.about else replace(one, about=about) for one in found]


async def _rules(conf: cfg.ConfigOpts) -> Sequence[Finding]:
    found: Sequence[Finding] = wiring.monitor_module("hostmonitor").check_rules(conf)
    return found


def _processes(conf: cfg.ConfigOpts) -> Sequence[Finding]:
    """What each entry of the process list matches now: an entry that fits its service no more is to be seen here."""
    found = wiring.monitor_module("processmonitor").check_list(conf)
    return [ok(one.text) if one.fine else warning(one.text) for one in found]


async def _masakari(conf: cfg.ConfigOpts, api: MasakariApi) -> Sequence[Finding]:
    if conf.receiver.embedded and not ("endpoint" in conf.api and conf.api.endpoint):
        return [
            warning(
                "[receiver] embedded is set: `masakari-monitors run` tells its own receiver, which recovers nothing, "
                "and no masakari-api; it was not asked"
            )
        ]
    return await masakari.look(api, conf.hostname, SystemClock())


async def _libvirts(name: str, conf: cfg.ConfigOpts) -> Sequence[Finding]:
    """Whether each libvirt lets in whoever does that monitor's work; to ask guests is another right than to look."""
    module = wiring.monitor_module(name)
    if name == "instancemonitor":
        try_all, said = module.try_libvirts, instances_seen
    else:
        try_all, said = module.try_agents, agents_reached
    found = await _aside(partial(try_all, conf))
    return [said(uri, refusal) for uri, refusal in found.items()]


def agents_reached(uri: str, refusal: Unavailable | None) -> Finding:
    """What is said of the guest agents at `uri`: a missing right must be mended, anything else may pass."""
    if refusal is None:
        return ok(f"introspectiveinstancemonitor: guest agents at {uri} can be asked")
    return _refused(f"introspectiveinstancemonitor: no guest agent at {uri} can be asked", refusal)


def instances_seen(uri: str, refusal: Unavailable | None) -> Finding:
    """What is said of the instances at `uri`."""
    if refusal is None:
        return ok(f"instancemonitor: the instances of {uri} can be seen")
    return _refused(f"instancemonitor: no instance of {uri} can be seen", refusal)


def _refused(text: str, refusal: Unavailable) -> Finding:
    return (fault if refusal.refused else warning)(f"{text}: {refusal}")


async def _engine(conf: cfg.ConfigOpts) -> Sequence[Finding]:
    found: Sequence[Finding] = await wiring.monitor_module("hostmonitor").check_engine(conf)
    return found


async def _bmcs(conf: cfg.ConfigOpts, *, asked: bool) -> Sequence[Finding]:
    """Each host's BMCs, where that is asked for, or this host's monitor is the one that would ask them."""
    if not asked and not await _reports(conf):
        return ()
    found: Sequence[Finding] = await wiring.monitor_module("hostmonitor").check_power(conf)
    return found


async def _reports(conf: cfg.ConfigOpts) -> bool:
    """Whether the host monitor that runs here says that it is the reporter."""
    folder = state_path.find(conf, ".sock", ("hostmonitor",))
    if folder is None:
        return False
    try:
        shown: Any = await _aside(partial(unix_socket.read, folder / "hostmonitor.sock"))
        rows = shown.get("subjects", ())
        return any(row["subject"] == "reporter" and row["state"] == "this monitor" for row in rows)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False  # none runs, or it does not tell: then it is asked for with --bmc


def _twins(conf: cfg.ConfigOpts, names: Sequence[str]) -> Sequence[Finding]:
    if conf.shadow:
        return ()  # to look beside others is what it is for
    folder = state_path.find(conf, ".sqlite", wiring.MONITORS)
    holders = {
        name: state.lock_holders(folder / f"{name}.sqlite.lock") if folder is not None else []
        for name in names
    }
    return twins.look(names, holders)

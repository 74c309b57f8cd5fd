"""`masakari-monitors simulate`: these hosts die now; what would be reported of each, when, and what would hold it.

The monitor's own decision is played on a made-up clock, from how the host monitor that runs here stands, or from
nothing but a list of hosts. Of a process, from its entry of the list; of an instance, from how the instance monitor
stands. Nothing is sent and nothing is changed.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.console.arguments import meant, number
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.cmd.rehearsal import hosts, instances, processes, standing
from masakarimonitors.cmd.rehearsal.hosts import HOST
from masakarimonitors.conf import loader
from masakarimonitors.system.clock import SystemClock

_PROCESS = "process:"
_INSTANCE = "instance:"
_OTHER_WORDS = {"vm:": _INSTANCE, "guest:": _INSTANCE}
_NO_CLOUD = "Name a cloud with --hosts, such as 20"
_MOST_HOSTS = 10_000
_DAY = 86400.0


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "simulate",
        help="tell what would be reported, when, and what would hold it, if these hosts, this process or this instance "
        "died now",
        description="Plays a monitor's decision on a made-up clock, by this configuration: from how the monitor that "
        "runs on this host stands, or with --hosts or --from-none from none. Nothing is sent, and nothing is touched. "
        f"{codes('simulate')}",
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="host:NAME|process:NAME|instance:UUID",
        help="who dies; NAME of a host may have * and ? for any characters; an instance has a UUID or libvirt's name",
    )
    parser.add_argument(
        "--rack",
        action="append",
        default=[],
        metavar="GLOB",
        help="all hosts of the failure domains whose names fit ([host] failure_domains_file); may be repeated",
    )
    parser.add_argument(
        "--hosts",
        metavar="N|NAMES",
        help="play from none: with so many hosts (node01 ...), or with these, between commas, all of them well",
    )
    parser.add_argument(
        "--link",
        action="append",
        default=[],
        metavar="NAME",
        help="they do not die, but lose this link alone; may be repeated",
    )
    parser.add_argument(
        "--gap", type=_seconds, default=0.0, metavar="SECONDS", help="one after another, so far apart (0)"
    )
    parser.add_argument(
        "--within", type=_seconds, default=900.0, metavar="SECONDS", help="for how long it is played (900)"
    )
    parser.add_argument(
        "--fenced",
        type=_seconds,
        metavar="SECONDS",
        help="the cluster engine fences each so many seconds after it is lost; without this it fences none",
    )
    parser.add_argument(
        "--no-bmc", action="store_true", help="no BMC answers, as when they lose their power with the hosts"
    )
    parser.add_argument(
        "--takeover",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="after how long another monitor reports where the reporter dies with them (30)",
    )
    parser.add_argument(
        "--back-after",
        type=_tries,
        metavar="TRY",
        help="of a process: this try brings it back; without this none does",
    )
    parser.add_argument(
        "--end",
        action="append",
        default=[],
        choices=instances.ENDS,
        help="of an instance: its QEMU dies, its guest panics, somebody stops it, its whole host is lost; may be "
        "repeated (all four)",
    )
    parser.add_argument(
        "--from-none",
        action="store_true",
        help="of an instance: nobody is asked; it runs, and nothing else is known",
    )
    parser.add_argument("--json", action="store_true", help="one document for programs")
    parser.set_defaults(run=run)


def _tries(text: str) -> int:
    return int(number(text, 1, 1000, whole=True))


def _seconds(text: str) -> float:
    return number(text, 0, _DAY)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Play it and tell what came of it."""
    words = _words(arguments.what)
    kinds = {word.partition(":")[0] for word in words}
    if len(kinds) > 1 or not kinds <= {"host", "process", "instance"} or not (words or arguments.rack):
        wrong = next((one for one in words if not one.startswith((HOST, _PROCESS, _INSTANCE))), "")
        named = f"; not {wrong}{meant(wrong, [HOST + wrong])}" if wrong else ""
        say(
            "simulate takes host:NAME, of which there may be several, or --rack GLOB; or process:NAME or instance:UUID "
            f"alone{named}",
            to=sys.stderr,
        )
        return Exit.WRONG_WORDS
    if kinds == {"instance"}:
        return _instance(arguments, rest, words)
    if kinds == {"process"}:
        return _process(arguments, rest, words)
    try:
        well = _well(arguments.hosts)
    except ValueError as fault:
        say(f"--hosts: {fault}", to=sys.stderr)
        return Exit.WRONG_WORDS
    conf = loader.load(rest, prog="masakari-monitors")
    rules = asyncio.run(wiring.monitor_module("hostmonitor").rules_of(conf))
    try:
        stands = standing.Stands(now=SystemClock().now()) if well else _live(conf)
    except standing.CannotAsk as fault:
        say(str(fault), to=sys.stderr)
        return fault.code
    arguments.what = words
    code = hosts.play(arguments, rules, stands, well)
    unknown = code is Exit.WRONG_WORDS and not (well or arguments.link)
    if unknown and (why := standing.blindness(conf, "hostmonitor")):
        say(why, to=sys.stderr)
        return Exit.UNKNOWN
    return code


def _words(words: Sequence[str]) -> list[str]:
    """`host NAME`, `process NAME` and `instance UUID` are one."""
    if len(words) == 2 and words[0] in ("host", "process", "instance"):
        return [f"{words[0]}:{words[1]}"]
    for other, kind in _OTHER_WORDS.items():
        words = [kind + word.removeprefix(other) if word.startswith(other) else word for word in words]
    return [word for word in words if word.partition(":")[2] or ":" not in word]


def _live(conf: Any) -> standing.Stands:
    from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds

    return standing.live(conf, "hostmonitor", kinds, _NO_CLOUD)


def _instance(arguments: argparse.Namespace, rest: Sequence[str], words: Sequence[str]) -> Exit:
    if len(words) > 1 or arguments.rack:
        say("simulate takes one instance at a time, and no host beside it", to=sys.stderr)
        return Exit.WRONG_WORDS
    return instances.play(
        loader.load(rest, prog="masakari-monitors"),
        words[0].removeprefix(_INSTANCE),
        arguments.end,
        from_none=arguments.from_none,
        within=arguments.within,
        as_json=arguments.json,
    )


def _process(arguments: argparse.Namespace, rest: Sequence[str], words: Sequence[str]) -> Exit:
    if len(words) > 1 or arguments.rack:
        say("simulate takes one process at a time, and no host beside it", to=sys.stderr)
        return Exit.WRONG_WORDS
    conf = loader.load(rest, prog="masakari-monitors")
    return processes.play(
        conf,
        words[0].removeprefix(_PROCESS),
        back_after=arguments.back_after,
        within=arguments.within,
        as_json=arguments.json,
    )


def _well(text: str | None) -> Sequence[str]:
    """The hosts of a cloud that is supposed; raises ValueError."""
    if text is None:
        return ()
    if text.strip().isdecimal():
        count = int(text)
        if not 1 <= count <= _MOST_HOSTS:
            raise ValueError(f"{text} is not between 1 and {_MOST_HOSTS}")
        return [f"node{number:0{max(2, len(str(count)))}}" for number in range(1, count + 1)]
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names or len(names) > _MOST_HOSTS:
        raise ValueError(f"it names no host, or more than {_MOST_HOSTS}")
    return names

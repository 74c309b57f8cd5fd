"""`masakari-monitors-status upgrade check`: what must be seen to before this release takes over, as OpenStack's tools
ask it.

Built on oslo.upgradecheck, which prints a table (or JSON) and whose exit code tells: 0 all is well, 1 somebody should
look at something, 2 something must be mended first, 255 a fault inside. Nobody is asked and nothing is changed, so it
can be run while the release before is at work.
"""

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.checks import building, state
from masakarimonitors.cmd.checks import files as read_files
from masakarimonitors.cmd.console import ending
from masakarimonitors.cmd.console.arguments import Typed
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import ConfigFault, loader, state_path
from masakarimonitors.core.finding import Finding, Weight, fault, ok, warning
from masakarimonitors.outbox.storage.reading import connect_to_look, read_only
from masakarimonitors.outbox.storage.sqlite import VERSION
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.files import mounts

PROG = "masakari-monitors-status"

_WITHOUT = (
    f"{PROG}: the Python package oslo.upgradecheck is not installed. Install it (python3-oslo.upgradecheck of a "
    "distribution, or the extra masakari-monitors[upgrade]), or run `masakari-monitors check --offline`, which looks "
    "at the same and more."
)


def options(conf: cfg.ConfigOpts) -> list[Finding]:
    """What the files say that is removed, has another name by now, or never was an option."""
    with contextlib.suppress(ConfigFault):
        wiring.obstacle("hostmonitor", conf)  # loads its driver, which may have options of its own
    return [*read_files.read(conf), *read_files.remarks(conf)]


def files(conf: cfg.ConfigOpts) -> list[Finding]:
    """What would end a monitor of this release at its start: values, the list of processes, the matrix, and so on."""
    return asyncio.run(_built(conf))


async def _built(conf: cfg.ConfigOpts) -> list[Finding]:
    api = wiring.api_client(conf, "http://127.0.0.1:9")
    try:
        return [
            finding
            for name in wiring.MONITORS
            for finding in await building.monitor(name, conf, api, SystemClock(), wanted=False)
        ]
    finally:
        api.close()


def processes(conf: cfg.ConfigOpts) -> list[Finding]:
    """What each entry of the list means here: OpenStack's monitor found it anywhere in the output of ps."""
    try:
        found = wiring.monitor_module("processmonitor").check_list(conf)
    except ConfigFault:
        return []  # told with the files
    return [ok(one.text) if one.fine else warning(one.text) for one in found]


def stored(conf: cfg.ConfigOpts) -> list[Finding]:
    """Whether what waits in the folder for state, and what was reported, is read by this release."""
    try:
        chosen, remarks = state_path.plan(conf, names=wiring.MONITORS)
    except ConfigFault as error:
        return [fault(str(error))]
    found = [warning(remark) for remark in remarks]
    if chosen is None:
        return [*found, warning("no writable folder for state: memory only")]
    there = [path for name in wiring.MONITORS if (path := chosen.folder / f"{name}.sqlite").exists()]
    return [
        *found,
        state.lasts(chosen.folder, "" if conf.state_may_be_lost else mounts.look(chosen.folder)),
        *(_format(path) for path in there),
    ]


def _format(path: Path) -> Finding:
    try:
        with contextlib.closing(connect_to_look(path)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            return fault(
                f"{path} was written by a newer release (format {version}, this one knows {VERSION}): this one would "
                "set it aside, and not deliver what waits in it. Let the newer one deliver first (masakari-monitors "
                "outbox shows what is pending), or keep it"
            )
        read_only(path, 1)
    except (sqlite3.Error, ValueError, OSError) as error:
        return fault(f"{path} cannot be read as an outbox ({error}): what waits in it would not be delivered")
    return ok(f"{path} is of format {version}, which this release reads")


CHECKS = (
    ("Options", options),
    ("Files and values", files),
    ("List of processes", processes),
    ("Folder for state", stored),
)
"""What is looked at, by the name that is printed."""


def summary(found: Sequence[Finding]) -> tuple[Weight, str]:
    """The worst of it, and the words for it: of what is as it should be, only where nothing else is."""
    worst = next(
        (w for w in (Weight.FAULT, Weight.WARNING) if any(one.weight is w for one in found)), Weight.OK
    )
    told = [one for one in found if one.weight is not Weight.OK]
    told.sort(key=lambda one: one.weight is not Weight.FAULT)
    return worst, "\n".join(one.text for one in told)


def main(argv: Sequence[str] | None = None) -> None:
    """Run it and end with its exit code."""
    ending.stand_in()
    ending.leave(ended(sys.argv[1:] if argv is None else argv))


def ended(argv: Sequence[str]) -> Exit:
    """Run it: with what it has ended."""
    code = ending.guarded(PROG, lambda: status(argv))
    return Exit.CANNOT_LOOK if code is Exit.FAULT else code


def status(argv: Sequence[str]) -> Exit:
    """Its exit code; what is to be said is printed."""
    try:
        from oslo_upgradecheck import upgradecheck
    except ModuleNotFoundError:
        say(_WITHOUT, to=sys.stderr)
        return Exit.CANNOT_LOOK
    conf = cfg.ConfigOpts()
    try:
        return Exit(upgradecheck.main(conf, loader.PROJECT, _commands(upgradecheck, conf), argv=list(argv)))
    except (cfg.Error, UnicodeDecodeError) as fault:  # of files that cannot even be read
        say(f"{PROG}: {_why(argv, fault)}", lines=True, to=sys.stderr)
        return Exit.CANNOT_LOOK


def _why(argv: Sequence[str], fault: Exception) -> str:
    """In the words of the monitors, which could not start with these files either."""
    try:
        loader.load(Typed(argv).shared, prog="masakari-monitors")
    except ConfigFault as same:
        return str(same)
    return str(fault)


def _commands(upgradecheck: Any, conf: cfg.ConfigOpts) -> Any:
    """The checks as oslo.upgradecheck takes them: methods of an object, and their names."""
    code = {
        Weight.OK: upgradecheck.Code.SUCCESS,
        Weight.WARNING: upgradecheck.Code.WARNING,
        Weight.FAULT: upgradecheck.Code.FAILURE,
    }

    def method(look: Any) -> Any:
        def check(self: object) -> Any:
            try:
                found = look(_loaded(conf))
            except ConfigFault as error:
                found = [fault(str(error))]
            weight, details = summary(found)
            return upgradecheck.Result(code[weight], details or None)

        return check

    members = {"_upgrade_checks": tuple((name, method(look)) for name, look in CHECKS)}
    return type("Checks", (upgradecheck.UpgradeCommands,), members)()


def _loaded(conf: cfg.ConfigOpts) -> cfg.ConfigOpts:
    """What the monitors would read: the same files, or those that they find by themselves; raises ConfigFault."""
    words = [word for file in conf.config_file or () for word in ("--config-file", file)]
    words += [word for folder in conf.config_dir or () for word in ("--config-dir", folder)]
    return loader.load(words, prog="masakari-monitors")

"""Where the monitors of this host are looked for, the best of what is heard or known there, and who is to run here."""

import os
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.conf import ConfigFault, loader, state_path
from masakarimonitors.conf.state_path import Held
from masakarimonitors.status import asked
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.system.files import run_folder
from masakarimonitors.web.lives import Expected


def configuration(rest: Sequence[str]) -> tuple[cfg.ConfigOpts | None, str]:
    """The configuration, or why it cannot be used; monitors are found all the same.

    A file that only the monitors' user may read, or with a slip, is no reason to see none of them.
    """
    try:
        return loader.load(rest, prog="masakari-monitors"), ""
    except ConfigFault as fault:
        return None, str(fault)


def search(conf: cfg.ConfigOpts | None, suffix: str) -> state_path.Found:
    """The folder for state in which a monitor has a file with this suffix; none without a configuration."""
    return state_path.Found(None) if conf is None else state_path.search(conf, suffix, MONITORS)


def places(there: state_path.Found, name: str) -> Sequence[Path]:
    """The folders in which this user can look for the monitor `name`, the likeliest first."""
    if there.shadow:
        return [there.folder] if there.folder is not None and there.folder not in there.closed else []
    everybodys = run_folder.places(name)
    if there.folder is None or there.folder in there.closed:
        return everybodys
    return list(dict.fromkeys([there.folder, *everybodys]))


def hidden(name: str, closed: Sequence[Path]) -> str:
    """What is known of the monitor `name` where this user may not look, in words; nothing if it is not there.

    An earlier release, or one that could not make its other socket, has one only there.
    """
    if not closed:
        return ""
    listening = run_folder.listening()
    paths = [folder / f"{name}.sock" for folder in closed]
    for path in paths:
        if listening.has(path):
            return (
                f"{name} runs, and uid {os.geteuid()} may not look into {path.parent}, where alone it can be asked. "
                "Ask as root, or as the user that the monitors run as."
            )
    untold = [path for path in paths if not listening.tells_of(path)]
    if untold:
        return f"uid {os.geteuid()} may not look into {untold[0].parent}: whether {name} runs is not known."
    return ""


def best(name: str, there: state_path.Found, more: Sequence[str] = ()) -> Found:
    """What the monitor shows at the first place at which it answers, or else what tells most.

    `more`: as `asked.ask`. One that runs in a folder that is closed to this user is not taken for one that is not
    there.
    """
    most = Found(name, Answer.NONE)
    for place in places(there, name):
        found = asked.ask(place / f"{name}.sock", more)
        if asked.TELLING.index(found.answer) < asked.TELLING.index(most.answer):
            most = found
        if most.answer is Answer.SAID:
            break
    if most.answer in (Answer.NONE, Answer.DEAD) and (why := hidden(name, there.closed)):
        return Found(name, Answer.CLOSED, why=why)
    return most


def left_here(conf: cfg.ConfigOpts) -> Expected:
    """The monitors that have run on this host, by the outboxes that they have left, and what could not be looked at.

    One that has run is to run: after the host was started anew nothing else would tell that one does not start.
    """
    untold: list[str] = []
    for place in state_path.folders(conf):
        looked = {name: state_path.held(place, [name]) for name in MONITORS}
        faults = {seen for there, seen in looked.values() if there is Held.UNTOLD}
        untold += [f"uid {os.geteuid()} cannot look into {place} ({seen})" for seen in sorted(faults)]
        names = frozenset(name for name, (there, _) in looked.items() if there is Held.YES)
        if names:
            return Expected(names, ", ".join(untold))
    return Expected(frozenset(), ", ".join(untold))


def to_run(conf: cfg.ConfigOpts | None) -> Expected:
    """The monitors that are to run here, as the operator says or as the folder for state shows; blocks."""
    if conf is None:
        return Expected(untold="the configuration cannot be used")
    return Expected(frozenset(conf.web.monitors)) if conf.web.monitors else left_here(conf)

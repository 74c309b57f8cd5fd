"""Where the monitors of this host are looked for, the best of what is heard or known there, and who is to run here."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from typing import Any, TypeVar

from oslo_config import cfg

from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.conf import ConfigFault, loader, state_path
from masakarimonitors.conf.state_path import Held
from masakarimonitors.status import asked
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.system.files import private_files, run_folder
from masakarimonitors.web.lives import Expected

T = TypeVar("T")

_AT_ONCE = 1.0
"""Seconds after which a place that has not answered is not waited for alone: a monitor that runs takes a tenth."""


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
    heard = ask_each(
        [place / f"{name}.sock" for place in places(there, name)],
        lambda path: asked.ask(path, more),
        lambda found: found.answer is Answer.SAID,
    )
    most = min(heard, key=lambda found: asked.TELLING.index(found.answer), default=Found(name, Answer.NONE))
    if most.answer in (Answer.NONE, Answer.DEAD) and (why := hidden(name, there.closed)):
        return Found(name, Answer.CLOSED, why=why)
    return most


def ask_each(paths: Sequence[Path], ask: Callable[[Path], T], enough: Callable[[T], bool]) -> list[T]:
    """What is heard at each of them, up to the first answer that is `enough`.

    One that hangs does so at all of its sockets, and costs its time once: the next is asked beside it. Where another
    has said enough, it is not waited for.
    """
    pool = ThreadPoolExecutor(max(len(paths), 1))
    asking: list[Future[T]] = []
    try:
        for path in paths:
            asking.append(pool.submit(ask, path))
            wait(asking[-1:], timeout=_AT_ONCE)
            if any(one.done() and enough(one.result()) for one in asking):
                break
        else:
            next((one for one in as_completed(asking) if enough(one.result())), None)
        return [one.result() for one in asking if one.done()]
    finally:
        pool.shutdown(wait=False)


def unlisted(name: str, there: state_path.Found) -> str:
    """Why reports of the monitor `name`, which runs, may not be in its file in `there`, in words; nothing if all are.

    What a tool finds in the folder of one configuration is no news of a monitor that runs with another.
    """
    found = best(name, there)
    if found.answer is Answer.HUNG and not _has_outbox(name, there.folder):
        return f"{name} does not answer ({found.why}): where it keeps its reports is not known here."
    if found.answer is not Answer.SAID:
        return ""
    outbox = found.snapshot.get("outbox") or {}
    if why := kept_elsewhere(name, outbox, there.folder):
        return why
    if fault := outbox.get("disk_fault"):
        shown = "`masakari-monitors status` and `explain` show it"
        return f"{name} has what its file does not take in memory alone ({fault}): {shown}."
    return ""


def _has_outbox(name: str, folder: Path | None) -> bool:
    return folder is not None and os.path.exists(folder / f"{name}.sqlite")


def kept_elsewhere(name: str, told: Mapping[str, Any], folder: Path | None) -> str:
    """In words where the monitor keeps its files, if not in `folder`; else nothing.

    It has told the path of one (`where`) and which folder that is (`folder`, as of an outbox), by which the same folder
    is known under another path, and another one under the same path: one in a container has paths of its own.
    """
    where, which = told.get("where"), told.get("folder")
    if not isinstance(where, str) or not where:
        return ""
    if not where.startswith("/"):
        return f"{name} runs, and keeps its reports in {where}: `masakari-monitors status` shows what waits there."
    kept = Path(where).parent
    known = isinstance(which, str) and which != ""  # one of an earlier release does not say
    if folder is not None and (
        _identity(folder) == which if known else os.path.realpath(kept) == os.path.realpath(folder)
    ):
        return ""
    said = f"{name} runs, and keeps its reports in {kept}"
    if known and _identity(kept) not in (which, None):
        return (
            f"{said}, which is no such folder here: it runs in a container, say. Ask in there, or name a configuration "
            "whose state_path is what that folder is called on this host: --config-file."
        )
    looked = folder or "no folder"
    return f"{said}; this configuration looks into {looked}. Name the one that it runs with: --config-file."


def _identity(folder: Path) -> str | None:
    """Which folder stands there; empty: none. None: this user cannot know."""
    try:
        return private_files.identity(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError:
        return None


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

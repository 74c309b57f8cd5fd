"""Other monitors for the same service on this host: ours, or OpenStack's own, which have programs of the same names.

Two of them report each failure twice and start each process twice. In: /proc and the locks in the folder for state.
Out: findings. What this user may not look at, and what lives in another network namespace (another host, as far as a
cluster can tell), does not count.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from masakarimonitors.cmd.wiring import MONITORS
from masakarimonitors.core.finding import Finding, fault, ok, warning

_PROGRAMS = frozenset(f"masakari-{name}" for name in MONITORS)
_LARGEST = 1 << 16
"""Bytes of a program's text that are looked at; pip's and setuptools' have some hundreds."""


class Maker(Enum):
    """Whose program it is."""

    OURS = "of this project"
    OTHERS = "OpenStack's own"
    UNKNOWN = "of unknown origin"


@dataclass(frozen=True, slots=True)
class Running:
    """One process that monitors `monitor`."""

    monitor: str
    pid: int
    maker: Maker


def look(
    names: Sequence[str], holders: Mapping[str, Sequence[int]], proc: Path = Path("/proc")
) -> list[Finding]:
    """One finding for each monitor that runs. `holders`: by monitor, who has its outbox in the folder for state."""
    running = list(_running(proc))
    found: list[Finding] = []
    for name in names:
        pids = {one.pid: one.maker for one in running if one.monitor == name}
        pids |= {pid: Maker.OURS for pid in holders.get(name, ()) if pid > 0}
        if pids:
            found.append(_judge(name, pids, holders.get(name, ()), proc))
    return found


def _judge(name: str, pids: Mapping[int, Maker], holders: Sequence[int], proc: Path) -> Finding:
    who = ", ".join(f"pid {pid} ({maker.value})" for pid, maker in sorted(pids.items()))
    if len(pids) > 1:
        return fault(
            f"{name}: {len(pids)} processes watch the same here: {who}. Each failure is reported, and each process "
            "restarted, by all of them. Stop all but one, and disable its service"
        )
    (pid,), (maker,) = pids, pids.values()
    if maker is Maker.OTHERS:
        return warning(
            f"{name}: OpenStack's own masakari-{name} runs here, pid {pid}. Stop it and disable its service before "
            "this one is started: both would report each failure, and restart each process"
        )
    if pid not in holders:
        return warning(
            f"{name}: one runs here already, {who}, with its state elsewhere than this configuration says. A second "
            "one would report each failure again: is this the configuration of that one, and its user?"
        )
    if _is_stopped(proc / str(pid)):
        return fault(
            f"{name}: its process, pid {pid}, is stopped, as by SIGSTOP or a debugger: it notices nothing and tells "
            f"nothing meanwhile. Let it go on with `kill -CONT {pid}`, or restart its service"
        )
    return ok(f"{name}: it runs, pid {pid}")


def _is_stopped(process: Path) -> bool:
    """Whether it is halted by a signal or by a debugger; what cannot be read is not said to be."""
    with contextlib.suppress(OSError):
        # pid (name) state ...: the name may hold anything, so what counts follows its last bracket (proc(5)).
        return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[:1] in (["T"], ["t"])
    return False


def _running(proc: Path) -> Iterator[Running]:
    """Every process that monitors, and shares our network."""
    ours = _network(proc / "self")
    for entry in sorted(proc.iterdir(), key=lambda one: one.name):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except OSError:
            continue
        path, names = _program(words)
        if names and _network(entry) in (ours, ""):
            yield from (Running(name, int(entry.name), _maker(entry, path, name)) for name in names)


def _program(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The path of the program that runs, by itself or by an interpreter, and what it monitors; nothing for others.

    A `masakari-monitors run` that names nothing runs what can work: only its locks tell what that is.
    """
    for at, word in enumerate(words[:2]):
        program = os.path.basename(word)
        if program in _PROGRAMS:
            return word, [program.removeprefix("masakari-")]
        if program == "masakari-monitors" and "run" in words[at + 1 :]:
            named = itertools.pairwise(words)
            return word, [value for option, value in named if option == "--monitor" and value in MONITORS]
    return "", ()


def _network(process: Path) -> str:
    """Its network namespace; empty where this user may not know."""
    with contextlib.suppress(OSError):
        return os.readlink(process / "ns/net")
    return ""


def _maker(process: Path, path: str, name: str) -> Maker:
    """By the program's text, as that process sees it, or where this user may not follow, as we see it."""
    if not path.startswith("/"):
        return Maker.UNKNOWN
    text = _text(Path(f"{process}/root{path}")) or _text(Path(path))
    if "masakarimonitors.cmd.monitors" in text or "masakarimonitors.cmd.masakari_monitors" in text:
        return Maker.OURS
    return Maker.OTHERS if f"masakarimonitors.cmd.{name}" in text else Maker.UNKNOWN


def _text(file: Path) -> str:
    try:
        with open(file, "rb") as program:
            return program.read(_LARGEST).decode(errors="replace")
    except OSError:
        return ""

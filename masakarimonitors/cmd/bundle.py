"""What a support bundle holds: parts, each gathered by itself, so that what cannot be had costs only itself.

Nothing of this host is changed, but that a monitor that can is asked (SIGUSR2) to write what it is doing to its log.
No secret of the configuration stands in any part.
"""

import contextlib
import json
import os
import platform
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, quote_plus

from oslo_config import cfg

from masakarimonitors.cmd import inspection, sockets
from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.conf import state_path
from masakarimonitors.core.printable import MASK, masked
from masakarimonitors.journal.writer import KEPT, SUFFIX, numbered
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage import reading
from masakarimonitors.status import unix_socket
from masakarimonitors.system.network.socket_path import address
from masakarimonitors.version import VERSION

T = TypeVar("T")

MOST = 4 << 20
"""Bytes of one part, its last ones: what somebody is to send must stay sendable."""

TOLD_WITHIN = 3.0
"""Seconds for a monitor to write what it is doing to its log, which is not always seen from here."""

_ROWS = 5000
_LINES = "20000"
_THREADS = 200
_JOURNALCTL_WITHIN = 20.0
_JOURNALS = (Path("/run/log/journal"), Path("/var/log/journal"))
# A short word, as a secret, would black out half of what is to be read.
_SHORTEST = 4
_PEER = struct.Struct("3i")


class NotHad(Exception):
    """A part cannot be had; the message says why, and what to do where anything can be done."""


class NotHere(NotHad):
    """There is no such part on this host, and need not be."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle: its name, and who gathers it. `gather` blocks, and raises NotHad, OSError, ValueError."""

    name: str
    gather: Callable[[], str]


def parts(conf: cfg.ConfigOpts | None, *, ask: bool) -> Iterator[Part]:
    """All of them, in the order in which they are best gathered; without a configuration those that need none.

    `ask`: have each monitor write what it is doing to its log first.
    """
    yield Part("versions.txt", versions)
    yield Part("host.txt", host)
    if conf is not None:
        given = conf
        yield Part("options.txt", lambda: "\n".join(inspection.options_in_force(given)))
    places, state = list(_sockets(conf)), _state(conf)
    for name, paths in places:
        yield Part(f"status/{name}.json", lambda paths=paths: _status(paths))  # type: ignore[misc]
    for name, paths in places:
        yield Part(f"process/{name}.txt", lambda paths=paths: _process(paths, ask))  # type: ignore[misc]
    if state is not None:
        for name in MONITORS:
            yield Part(f"outbox/{name}.jsonl", lambda name=name: _outbox(state / f"{name}.sqlite"))  # type: ignore[misc]
            yield Part(f"journal/{name}.jsonl", lambda name=name: _journal(state / f"{name}{SUFFIX}"))  # type: ignore[misc]
    if conf is not None:
        yield from (Part(f"log/{path.name}", lambda path=path: _end_of(path)) for path in logs(conf))  # type: ignore[misc]
    yield Part("log/journald.txt", _journald)


def without_secrets(text: str, secrets: Collection[str]) -> str:
    """The text with each of these words, and whatever looks like a secret, blacked out."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            spellings = (
                secret,
                json.dumps(secret)[1:-1],
                repr(secret)[1:-1],
                quote(secret),
                quote_plus(secret),
            )
            for spelling in dict.fromkeys(spellings):
                text = text.replace(spelling, MASK)
    return masked(text)


def versions() -> str:
    """Of the monitors, of Python, and of every distribution that this Python sees."""
    found = {f"{one.metadata['Name']} {one.version}" for one in metadata.distributions()}
    lines = [
        f"masakari-monitors {VERSION}",
        f"Python {sys.version} at {sys.executable}",
        platform.platform(),
        *_os_release(),
        "",
        *sorted(found, key=str.casefold),
    ]
    return "\n".join(lines)


def host() -> str:
    """What the kernel says of this host: load, memory, pressure, mounts."""
    said = []
    for path in (
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/pressure/cpu",
        "/proc/pressure/io",
        "/proc/pressure/memory",
        "/proc/mounts",
    ):
        with contextlib.suppress(OSError):
            said.append(f"== {path}\n{Path(path).read_text(errors='replace')}")
    return "\n".join(said)


def logs(conf: cfg.ConfigOpts) -> Sequence[Path]:
    """The log files of the monitors, as far as the configuration tells where they are."""
    folder = Path(conf.log_dir) if conf.log_dir else None
    if conf.log_file:
        return [(folder or Path()) / conf.log_file]
    if folder is None:
        return []
    try:
        return sorted(path for path in folder.iterdir() if re.fullmatch(r"masakari.*\.log", path.name))
    except OSError:
        return []


def _os_release() -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield platform.freedesktop_os_release()["PRETTY_NAME"]


def _sockets(conf: cfg.ConfigOpts | None) -> Iterator[tuple[str, Sequence[Path]]]:
    """Of each monitor the sockets that it may have."""
    there = sockets.search(conf, ".sock")
    for name in MONITORS:
        yield name, [folder / f"{name}.sock" for folder in sockets.places(there, name)]


def _state(conf: cfg.ConfigOpts | None) -> Path | None:
    there = state_path.search(conf, ".sqlite", MONITORS) if conf is not None else None
    return there.folder if there is not None else None


def _status(paths: Sequence[Path]) -> str:
    return json.dumps(_first(paths, unix_socket.read), indent=1)


def _first(paths: Sequence[Path], look: Callable[[Path], T]) -> T:
    """What the first socket that has anybody gives; NotHad with what was seen at each, NotHere where none was made."""
    seen = []
    for path in paths:
        try:
            return look(path)
        except FileNotFoundError:
            continue
        except ConnectionRefusedError:
            seen.append(f"{path}: nobody listens any more: the monitor was killed, or ended by a fault")
        except TimeoutError:
            seen.append(f"{path}: it does not answer: the monitor is stopped or hangs")
        except (OSError, ValueError) as fault:
            seen.append(f"{path}: {fault}")
    if not seen:
        raise NotHere(f"no {' and no '.join(map(str, paths))}: the monitor does not run")
    raise NotHad("; ".join(seen))


def _process(paths: Sequence[Path], ask: bool) -> str:
    """What the kernel says of the process behind a socket, be it hung, and that it was asked for a report."""
    pid = _first(paths, _pid_behind)
    asked = _ask_for_report(pid) if ask else "not asked to write what it is doing to its log"
    said = [f"pid {pid}: {asked}"]
    for name in ("cmdline", "status", "limits", "cgroup", "io", "sched"):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/{name}").read_text(errors="replace").replace("\0", " ")
            said.append(f"== {name}\n{text}")
    with contextlib.suppress(OSError):
        said.append(f"== open descriptors: {len(os.listdir(f'/proc/{pid}/fd'))}")
    for task in sorted(os.listdir(f"/proc/{pid}/task"), key=int)[:_THREADS]:
        said.append(f"== thread {task}")
        for name in ("comm", "wchan", "syscall", "stack"):
            with contextlib.suppress(OSError):
                said.append(f"{name}: {Path(f'/proc/{pid}/task/{task}/{name}').read_text().strip()}")
    return "\n".join(said)


def _pid_behind(path: Path) -> int:
    """Who listens there, by the kernel: it tells of one that hangs as well."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(unix_socket.PATIENCE)
        with address(path) as place:
            connection.connect(place)
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid = int(_PEER.unpack(packed)[0])
    if not pid:
        raise NotHad(f"{path}: who listens there runs in another pid namespace; run this in that container")
    return pid


def _ask_for_report(pid: int) -> str:
    """Have it write what it is doing to its log, if it takes this signal: another program would die of it."""
    try:
        # Held from here on: that number may be another process's by the time at which the signal is sent.
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        raise NotHad(f"pid {pid} has just ended") from None
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
        if caught is None or not int(caught[1], 16) >> (signal.SIGUSR2 - 1) & 1:
            return "it does not take SIGUSR2, so it was not asked to write what it is doing to its log"
        signal.pidfd_send_signal(held, signal.SIGUSR2)
    except PermissionError:
        return "this user may not ask it to write what it is doing to its log; run this as root"
    except (FileNotFoundError, ProcessLookupError):
        raise NotHad(f"pid {pid} has just ended") from None
    finally:
        os.close(held)
    return f'asked to write what it is doing to its log: look there for "SIGUSR2: report of process {pid}"'


def _outbox(path: Path) -> str:
    if not path.exists():
        raise NotHere(f"{path} is not there: this monitor has never run with this folder")
    rows = reading.read_only(path, _ROWS)
    return "\n".join(json.dumps(_row(row)) for row in rows)


def _row(row: Row) -> dict[str, str]:
    return {one.name: str(getattr(row, one.name)) for one in fields(row)}


def _journal(path: Path) -> str:
    """Its lines as they stand, the oldest file first."""
    found = [one for one in (*(numbered(path, at) for at in range(KEPT, 0, -1)), path) if one.exists()]
    if not found:
        raise NotHere(f"{path} is not there: this monitor has never run with this folder")
    return "".join(_end_of(one) for one in found)


def _end_of(path: Path) -> str:
    """The end of a file; no link is followed, for whoever may write there could name any file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        file.seek(max(0, size - MOST))
        return file.read(MOST).decode(errors="replace")


def _journald() -> str:
    if not any(any(folder.glob("*/*.journal*")) for folder in _JOURNALS):
        raise NotHere("journald keeps nothing on this host")
    try:
        done = subprocess.run(
            ["journalctl", "--no-pager", "-o", "short-iso-precise", "-n", _LINES, "-u", "masakari-*"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_JOURNALCTL_WITHIN,
            check=False,
        )
    except FileNotFoundError:
        raise NotHere("there is no journalctl on this host") from None
    except subprocess.TimeoutExpired:
        raise NotHad(f"journalctl did not end within {_JOURNALCTL_WITHIN:g} s") from None
    if done.returncode:
        raise NotHad(f"journalctl says: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout[-MOST:].decode(errors="replace")

"""`masakari-monitors support-bundle`: all that somebody needs who is to find out what went wrong here, in one file.

A part that cannot be had, or does not come in time, is named in the bundle and on the terminal; the others are there
all the same.
"""

import argparse
import asyncio
import datetime
import io
import json
import os
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import bundle
from masakarimonitors.cmd.bundle import MOST, NotHad, NotHere, Part
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import ConfigFault, loader
from masakarimonitors.core.printable import printable
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.threads import NoThread, Pool

_WITHIN = 40.0
"""Seconds for one part: a disk or a monitor that does not answer must not cost the others."""

_ABOUT = """\
A support bundle of the masakari-monitors on {host}, made {made}.

versions.txt   releases of the monitors, of Python and of all that they are built on
host.txt       load, memory and mounts of the host
options.txt    the options in force; the values of secret ones are not in it
status/        what each monitor says of itself: health, sources, subjects, verdicts, waiting reports
process/       what the kernel says of each monitor's process and threads
outbox/        the newest reports of each monitor, and what became of them
journal/       verdicts, reports and answers, as `masakari-monitors explain` reads them
log/           the ends of the log files, and journald's lines

It names your hosts, instances and addresses. {secrets} Read it before you give it away: the
logs hold the command lines of the process list as they stand there.

{missing}
"""


_BLACKED = "Secrets of the configuration are blacked out wherever they stand."
_NOT_KNOWN = "The configuration could not be used, so its secrets are not known and NOT blacked out."


@dataclass(slots=True)
class Gathered:
    """The texts of the parts by name; why each of the others is missing, or is not on this host at all."""

    texts: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "support-bundle",
        help="gather states, reports, logs and versions in one file, without secrets",
        description="Writes a tar archive that only you can read. Each monitor is asked to write what it is doing to "
        f"its log first. {codes('support-bundle')}",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="the archive; it must not be there yet")
    parser.add_argument(
        "--no-report", action="store_true", help="do not ask the monitors to write to their logs"
    )
    parser.add_argument("--json", action="store_true", help="one document for programs, on what is in it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Gather, and write."""
    conf: cfg.ConfigOpts | None = None
    unread = ""
    try:
        conf = loader.load(rest, prog="masakari-monitors")
    except ConfigFault as fault:
        unread = f"the configuration cannot be used, so only what needs none is here: {fault}"
    now = SystemClock().now().wall
    name = f"masakari-support-{os.uname().nodename}-{now:%Y%m%dT%H%M%SZ}"
    path = arguments.output or Path(f"{name}.tar.gz")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as fault:
        return _not_written(path, fault, as_json=arguments.json)
    ask = not arguments.no_report
    found = asyncio.run(_gather(list(bundle.parts(conf, ask=ask)), ask))
    if unread:
        found.missing["options.txt"] = unread
    secrets = loader.secrets(conf) if conf is not None else frozenset()
    texts = {"README.txt": _about(found, now, _NOT_KNOWN if conf is None else _BLACKED), **found.texts}
    try:
        with open(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for part, text in texts.items():
                clean = bundle.without_secrets(text, secrets)
                _add(archive, f"{name}/{part}", clean, int(now.timestamp()))
    except OSError as fault:
        path.unlink(missing_ok=True)
        return _not_written(path, fault, as_json=arguments.json)
    missing = {part: bundle.without_secrets(why, secrets) for part, why in found.missing.items()}
    if arguments.json:
        absent = {part: bundle.without_secrets(why, secrets) for part, why in found.absent.items()}
        told = {"file": str(path), "parts": [*texts], "missing": missing, "not_here": absent}
        print(json.dumps(told))
    else:
        for part, why in missing.items():
            say(f"not in it: {part}: {why}", lines=True, to=sys.stderr)
        print(path)
    return Exit.AMISS if found.missing else Exit.FINE


def _not_written(path: Path, fault: OSError, *, as_json: bool) -> Exit:
    why = f"{path} cannot be written: {fault.strerror}; name another file by --output"
    if as_json:
        print(json.dumps({"file": None, "why": why}))
    else:
        say(why, to=sys.stderr)
    return Exit.UNKNOWN


def _about(found: Gathered, now: datetime.datetime, secrets: str) -> str:
    lines = [f"not in it: {part}: {printable(why)}" for part, why in found.missing.items()]
    lines += [f"not on this host: {part}: {printable(why)}" for part, why in found.absent.items()]
    return _ABOUT.format(
        host=os.uname().nodename,
        made=f"{now:%Y-%m-%d %H:%M:%S} UTC",
        secrets=secrets,
        missing="\n".join(lines),
    )


async def _gather(parts: Sequence[Part], ask: bool) -> Gathered:
    """Each part on a thread of its own."""
    found = Gathered()

    async def one(part: Part) -> None:
        pool = Pool("bundle")
        try:
            found.texts[part.name] = await pool.call(part.gather, _WITHIN)
        except TimeoutError:
            found.missing[part.name] = f"it did not come within {_WITHIN:g} s: a disk or a monitor hangs"
        except NotHere as fault:
            found.absent[part.name] = str(fault)
        except (NotHad, NoThread) as fault:
            found.missing[part.name] = str(fault)
        except PermissionError as fault:
            found.missing[part.name] = f"this user may not read {fault.filename}; run this as root"
        except Exception as fault:  # noqa: BLE001 - what is broken here is what the bundle is for
            found.missing[part.name] = f"{type(fault).__name__}: {fault}"
        finally:
            pool.close()

    for late in (False, True):
        if late and ask and any(name.startswith("process/") for name in found.texts):
            await asyncio.sleep(bundle.TOLD_WITHIN)
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                if part.name.startswith("log/") is late:
                    tasks.create_task(one(part))
    return found


def _add(archive: tarfile.TarFile, name: str, text: str, made: int) -> None:
    content = text.encode(errors="replace")[-MOST:]
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, made
    archive.addfile(entry, io.BytesIO(content))

"""What each entry of a list matches at this moment, or nearly matches: for whoever wants to know before anything runs.

In: the entries. Out: one finding for each. It looks once, as the monitor does, and starts nothing.
"""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from masakarimonitors.processmonitor.core.observation import CommandKey, Entry
from masakarimonitors.processmonitor.core.recognition.matching import Index
from masakarimonitors.processmonitor.core.recognition.pattern import NOBODY_KNOWN, Pattern
from masakarimonitors.processmonitor.sources.patterns import as_written, follow_again
from masakarimonitors.processmonitor.sources.procfs import Scanner
from masakarimonitors.processmonitor.sources.scan import Depth, Found

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of one entry; `fine`: processes of it run, and each for a reason."""

    fine: bool
    text: str


def overview(entries: Sequence[Entry], blindness: str = "", proc: str = "/proc") -> list[Finding]:
    """One finding for each entry, and one for what it says that the monitor may take otherwise than this look.

    `blindness`: why the host's processes cannot be seen from here.
    """
    patterns = follow_again(tuple(as_written(entries)), entries)
    scanner = Scanner(Index(patterns), proc=proc)
    scan = scanner.scan(depth=Depth.FRESH)
    findings = [Finding(False, f"processes: {why}") for why in (blindness, scan.unread) if why]
    for pattern in patterns:
        name = pattern.process_name
        found = scan.found.get(name, ())
        if found:
            findings.append(Finding(True, f"process {name}: {_who(found)}"))
        elif pattern.user == NOBODY_KNOWN:
            findings.append(
                Finding(False, f"process {name}: this host does not know the user that the list gives it")
            )
        elif doubt := scan.doubt(name):
            findings.append(Finding(False, f"process {name}: {doubt}"))
        elif mention := scanner.mention(name):
            findings.append(
                Finding(
                    False,
                    f"process {name}: matches nothing, though {mention}: nothing would be started or reported; name"
                    " the program or the script that it runs",
                )
            )
        else:
            findings.append(
                Finding(False, f"process {name}: nothing that runs matches it; it would be started")
            )
    findings += (
        Finding(
            False,
            f"process {entry.process_name}: {what} is told from a folder, which is the monitor's own (/ under systemd)"
            f" and for what its privileged helper runs /, but was {os.getcwd()} for this look: name it in full",
        )
        for entry, pattern in zip(entries, patterns, strict=True)
        for what in _from_a_folder(entry, pattern)
    )
    return findings


def _from_a_folder(entry: Entry, pattern: Pattern) -> Iterator[str]:
    """What of an entry leads elsewhere from another folder."""
    if pattern.relative:
        yield "the path of its process_name"
    for key in CommandKey:
        word = next(iter(shlex.split(key.of(entry) or "")), "")
        if "/" in word and not word.startswith("/"):
            yield f"the program of its {key}"


def _who(found: Sequence[Found]) -> str:
    ranked = sorted(found, key=lambda one: (not one.reason.strong, one.started))
    told = []
    for one in ranked[:_SHOWN]:
        weak = (
            ""
            if one.reason.strong
            else " (a worker or a session: counts only while nothing else of it was seen)"
        )
        told.append(f"pid {one.pid}, {one.reason.why}{weak}")
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(told) + more

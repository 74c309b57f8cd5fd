"""A recording read again: what stands in it in order, and what is damaged or missing of it.

In: files. Out: segments, each from how the monitor stood to the last step that is whole; nothing of what is left out is
passed over in silence. Only reads.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from masakarimonitors.core.rehearsal.written import Kinds, Unreadable
from masakarimonitors.recording.lines import LONGEST, Begun, Stepped, read_line
from masakarimonitors.recording.recorder import older

MOST_TOLD = 20
"""Damaged lines that are named one by one."""


@dataclass(slots=True)
class Segment:
    """Steps without a gap, from how it stood before the first."""

    begun: Begun
    steps: list[Stepped] = field(default_factory=list)

    @property
    def after(self) -> int:
        """The number of the step that would follow."""
        return self.begun.number + len(self.steps)


@dataclass(slots=True)
class Recording:
    """All that was read. `remarks`: what was left out, and where."""

    segments: list[Segment] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    damaged: int = 0
    left_out: int = 0

    @property
    def monitor(self) -> str:
        """Whose it is."""
        return self.segments[0].begun.monitor if self.segments else ""


def files_of(path: Path) -> Sequence[Path]:
    """The older file first, of those that are there."""
    return [one for one in (older(path), path) if one.exists()]


def read(paths: Sequence[Path], kinds: Kinds) -> Recording:
    """Raises OSError, and OtherVersion for a file of another version."""
    found = Recording()
    current: Segment | None = None
    skipped = 0  # lines since the last step of that segment
    for path in paths:
        for number, line in _lines(path):
            try:
                one = read_line(line, kinds)
            except Unreadable as fault:
                found.damaged += 1
                skipped += 1
                if found.damaged <= MOST_TOLD:
                    found.remarks.append(f"{path}, line {number}: {fault}; it is skipped")
                continue
            if isinstance(one, Begun):
                unlike = f"{one.unlike}. What those do not tell is taken for what this version assumes"
                if one.unlike and unlike not in found.remarks:
                    found.remarks.append(unlike)
                if current is None or not _goes_on(current, one):
                    lacking = _lacking(current, one) - skipped
                    if lacking > 0:
                        found.remarks.append(
                            f"{lacking} steps before that of number {one.number} were never written: the disk took "
                            "nothing, or too slowly"
                        )
                    current, skipped = Segment(one), 0
                    found.segments.append(current)
            elif current is not None and one.number == current.after:
                current.steps.append(one)
                skipped = 0
            else:
                # What is between is missing, so how the monitor stood is not known until it is said again.
                found.left_out += 1
                skipped += 1
    if found.damaged > MOST_TOLD:
        found.remarks.append(f"{found.damaged - MOST_TOLD} more lines are damaged")
    if found.left_out:
        found.remarks.append(
            f"{found.left_out} steps are left out: how the monitor stood before them is not known"
        )
    return found


def _goes_on(current: Segment, begun: Begun) -> bool:
    """Whether a new file only goes on where the one before was full."""
    return (current.begun.life, current.after) == (begun.life, begun.number)


def _lacking(current: Segment | None, begun: Begun) -> int:
    """How many steps of the same run stand between the two."""
    return begun.number - current.after if current is not None and current.begun.life == begun.life else 0


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with open(path, "rb", opener=_open) as file:
        number = 0
        while line := file.readline(LONGEST):
            number += 1
            if line.strip():
                yield number, line


def _open(path: str, flags: int) -> int:
    # Whatever stands there, a pipe without a writer holds nobody up.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)

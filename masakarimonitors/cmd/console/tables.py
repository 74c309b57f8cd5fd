"""Rows for people and for pipes: nothing is ever cut, and what is read by a program is one row a line.

In: rows of a kind, with columns that must stay whole (names, times, ids) and columns of words. Out: for a terminal a
table, or, where that would be too wide, one block for each row whose words go on in further lines; for anything else
one line for each row, its cells between tabs, with what the row belongs to in front, so that `grep` finds whole rows.

All times are in UTC, and say so: in a table by the head of their column, elsewhere by a `Z` at their end.
"""

import datetime
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, TextIO

from masakarimonitors.core.outside import moment
from masakarimonitors.core.printable import printable

UTC = " (UTC)"
"""At the end of the head of a column of times."""

_GAP = "  "
_INDENT = " " * 4
_RED, _PLAIN, _BOLD = "\x1b[31m", "\x1b[0m", "\x1b[1m"
_NARROWEST = 20


def for_people(when: datetime.datetime) -> str:
    """To the second, for a column whose head says the zone."""
    return f"{when.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}"


def for_programs(when: datetime.datetime) -> str:
    """To the millisecond, with its zone."""
    return f"{when.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


@dataclass(frozen=True, slots=True)
class Column:
    """`head` is shown; `key` is what a row calls it. `whole`: never broken. `time`: its cells are times."""

    head: str
    key: str = ""
    _: KW_ONLY
    whole: bool = False
    time: bool = False

    @property
    def name(self) -> str:
        """What a row calls it."""
        return self.key or self.head

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.head + (UTC if self.time else "")


def whole(head: str, key: str = "") -> Column:
    """A column of names or ids."""
    return Column(head, key, whole=True)


def time(head: str, key: str = "") -> Column:
    """A column of times."""
    return Column(head, key, whole=True, time=True)


Row = Mapping[str, Any]


class Writer:
    """Where a tool writes, a terminal or not."""

    def __init__(self, to: TextIO | None = None, width: int | None = None) -> None:
        """`to` (None): standard output. `width`: columns of a terminal; 0: it is none; None: look."""
        self._to = to or sys.stdout
        if width is None:
            width = shutil.get_terminal_size().columns if self._to.isatty() else 0
        self._width = width

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads it."""
        return self._width > 0

    def aside(self, to: TextIO) -> "Writer":
        """One that writes the same way, to somewhere else."""
        return Writer(to, self._width)

    def line(self, text: str, *, alarm: bool = False) -> None:
        """Words in a line of their own, broken between words where a terminal is too narrow."""
        for part in self._wrapped(printable(text), ""):
            self._put(part, _RED if alarm else "")

    def title(self, text: str) -> None:
        """A heading; only for people."""
        if self.is_terminal:
            self._put(printable(text), _BOLD)

    def fields(self, *cells: str) -> None:
        """One line for programs."""
        self._put("\t".join(printable(cell) for cell in cells))

    def rows(
        self,
        title: str,
        columns: Sequence[Column],
        rows: Sequence[Row],
        *,
        of: Sequence[str] = (),
        alarm: Callable[[Row], bool] = lambda row: False,
    ) -> None:
        """All of them; `of`: what stands before each for programs. Of none nothing is said."""
        if not rows:
            return
        cells = [[self._cell(column, row) for column in columns] for row in rows]
        if not self.is_terminal:
            for line in cells:
                self.fields(*of, *line)
            return
        if title:
            self._put("")
            self.title(title)
        alarms = [alarm(row) for row in rows]
        widths = [
            max(len(column.title), *(len(line[at]) for line in cells)) for at, column in enumerate(columns)
        ]
        if sum(widths) + len(_GAP) * (len(columns) - 1) <= self._width:
            self._put(_joined([column.title for column in columns], widths), _BOLD)
            for line, red in zip(cells, alarms, strict=True):
                self._put(_joined(line, widths), _RED if red else "")
            return
        for line, red in zip(cells, alarms, strict=True):
            for part in self._block(columns, line):
                self._put(part, _RED if red else "")

    def _cell(self, column: Column, row: Row) -> str:
        value = row.get(column.name, "")
        if column.time:
            when = value if isinstance(value, datetime.datetime) else moment(value)
            if when is not None:
                return for_people(when) if self.is_terminal else for_programs(when)
        return printable("" if value is None else str(value))

    def _block(self, columns: Sequence[Column], line: Sequence[str]) -> Iterator[str]:
        """What is whole stands in front, side by side as far as there is room; words follow, each under its name."""
        head = ""
        for column, cell in zip(columns, line, strict=True):
            shown = f"{cell} UTC" if column.time and cell else cell
            if not column.whole or not shown:
                continue
            if head and len(head) + len(_GAP) + len(shown) > self._width:
                yield head
                head = _GAP + shown
            else:
                head = f"{head}{_GAP}{shown}" if head else shown
        if head:
            yield head
        for column, cell in zip(columns, line, strict=True):
            if not column.whole and cell:
                yield from self._wrapped(f"{column.head}: {cell}", _INDENT)

    def _wrapped(self, text: str, indent: str) -> Iterator[str]:
        """Broken between words alone, so that no name and no id is ever cut in two."""
        room = max(self._width - len(indent), _NARROWEST) if self.is_terminal else 0
        line = ""
        for word in text.split(" "):
            if line and room and len(line) + 1 + len(word) > room:
                yield indent + line
                line = word
            else:
                line = f"{line} {word}" if line else word
        yield indent + line

    def _put(self, text: str, style: str = "") -> None:
        # https://no-color.org
        styled = (
            f"{style}{text}{_PLAIN}" if style and self._width and not os.environ.get("NO_COLOR") else text
        )
        print(styled, file=self._to)


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()

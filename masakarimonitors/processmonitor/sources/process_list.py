"""process_list.yaml: from the operator's file to entries, every fault named by line and column.

Out: `ListRead` at start and after each change, `ListBroken` when the new text cannot be used; then
the last good list stays in force. A change is seen by the file's stamp, so an editor that replaces
the file, a link that is switched and a copy in place are all noticed, on any file system. One that does not
answer is a broken list.
"""

import asyncio
import difflib
import logging
import shlex
from collections.abc import Callable
from dataclasses import fields
from typing import Protocol, TypeVar

import yaml

from masakarimonitors.processmonitor.core.observation import Entry, ListBroken, ListRead, Observation
from masakarimonitors.system.clock import Clock, beat, pause
from masakarimonitors.system.files.operators_file import LONGEST as LONGEST
from masakarimonitors.system.files.operators_file import (
    Reader,
    Stamp,
    Unreadable,
    in_time,
    read_bytes,
    stamp_of,
)
from masakarimonitors.system.files.yaml_file import Fault, Faults, YamlFileFault, merge
from masakarimonitors.system.files.yaml_file import read as read_yaml

LOG = logging.getLogger(__name__)

_KEYS = tuple(f.name for f in fields(Entry))
_COMMANDS = tuple(key for key in _KEYS if key.endswith("_command"))
_STRING, _BOOLEAN, _NULL = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "bool", "null"))
_TRUE = frozenset({"yes", "true", "on"})

# An operator does not wait for more. A stat() costs next to nothing; to wake up the process for it, and the thread that
# may hang in it, was a tenth of what an idle monitor takes when it was done each second.
_LOOK_EVERY = 2.0
# What was half written, or may have changed again, is looked at once more.
_LOOK_AGAIN = 1.0

_RECENT = 2.0


def parse(text: str, path: str) -> tuple[Entry, ...]:
    """The entries of a process list; raises YamlFileFault with all that is wrong."""
    entries = read_yaml(text, _entries, before=f"{path}, ")
    if entries is None:
        raise _whole_file(path, "the list is empty; name at least one process, or write [] to watch none")
    return tuple(entries)


def _whole_file(path: str, what: str) -> YamlFileFault:
    return YamlFileFault([Fault(0, 0, what)], before=f"{path}: ")


def _entries(node: yaml.Node | None, faults: Faults) -> list[Entry] | None:
    """None when the file says nothing."""
    if node is None or node.tag == _NULL:
        return None
    if not isinstance(node, yaml.SequenceNode):
        faults.add(node, "the file must be a list; begin each process with '- process_name: ...'")
        return []
    entries: dict[str, tuple[Entry, yaml.Mark]] = {}
    for item in node.value:
        entry = _entry(item, faults)
        if entry is None:
            continue
        if entry.process_name in entries:
            first = entries[entry.process_name][1].line + 1
            faults.add(
                item,
                f"process_name {entry.process_name!r} stands in the list already, at line {first}",
            )
        else:
            entries[entry.process_name] = (entry, item.start_mark)
    return [entry for entry, _mark in entries.values()]


def _entry(item: yaml.Node, faults: Faults) -> Entry | None:
    if not isinstance(item, yaml.MappingNode):
        faults.add(item, "each process must be a group of 'key: value' lines")
        return None
    before = len(faults.found)
    own = [key.value for key, _value in item.value if isinstance(key, yaml.ScalarNode)]
    merge(item)
    values: dict[str, str | bool | None] = {}
    for key, value in item.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in _KEYS:
            near = difflib.get_close_matches(name, _KEYS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; the keys are {', '.join(_KEYS)}"
            faults.add(key, f"{name or 'this'!r} is no key of a process{hint}")
        elif name in values and own.count(name) > 1:
            faults.add(key, f"{name} is given twice")
        else:
            values[name] = _value(name, value, faults)
    if "process_name" not in values:
        faults.add(item, "this process has no process_name")
    if len(faults.found) > before:
        return None
    return Entry(**values)  # type: ignore[arg-type]


def _value(name: str, node: yaml.Node, faults: Faults) -> str | bool | None:
    empty = node.tag == _NULL or (node.tag == _STRING and not node.value.strip())
    if name == "run_as_root":
        if empty:
            return False
        if node.tag == _BOOLEAN:
            return node.value.lower() in _TRUE
        faults.add(node, f"run_as_root must be True or False without quotes, not {_shown(node)}")
        return None
    if empty and (name in _COMMANDS or name == "user"):
        return None
    if name == "user" and node.tag.endswith(":int"):
        return str(node.value)
    if empty:
        faults.add(node, f"{name} is empty")
    elif node.tag != _STRING:
        faults.add(node, f"{name} must be text, not {_shown(node)}; put it in quotes")
    elif any("\ud800" <= letter <= "\udfff" for letter in node.value):
        faults.add(node, f"{name} contains a surrogate, half of a character; write the character itself")
    elif "\0" in node.value:
        faults.add(node, f"{name} contains a NUL character")
    elif name == "process_name" and node.value.rstrip().endswith("/"):
        faults.add(node, "process_name ends with a slash, so it names a folder and no program")
    elif name in _COMMANDS:
        try:
            shlex.split(node.value)
        except ValueError as error:
            faults.add(node, f"{name} cannot be split into words: {str(error).lower()}")
    return str(node.value).strip()


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return f"the {node.tag.rpartition(':')[2]} {node.value!r}"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a group"


def read_in_time(path: str) -> tuple[Entry, ...]:
    """As `read`, by a thread: raises YamlFileFault also when the file system does not answer within 10 s."""
    try:
        return in_time(path, lambda: read(path))
    except Unreadable as error:
        raise _whole_file(path, str(error)) from error


def read(path: str) -> tuple[Entry, ...]:
    """The entries of the file at `path`; raises YamlFileFault, also when it cannot be read at all.

    Blocks for as long as the file's file system does.
    """
    try:
        raw = read_bytes(path)
    except Unreadable as error:
        raise _whole_file(path, str(error)) from error
    return parse_raw(raw, path)


def parse_raw(raw: bytes, path: str) -> tuple[Entry, ...]:
    """The entries of what stands in the file; raises YamlFileFault as `parse`."""
    try:
        return parse(raw.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        fault = Fault(line, column, "this byte is not UTF-8 text")
        raise YamlFileFault([fault], before=f"{path}, ") from error


T = TypeVar("T")


class Calls(Protocol):
    """Calls what may hang, within a time."""

    async def call(self, read: Callable[[], T]) -> T:
        """What it returns or raises; Unreadable when it does not in time."""

    def close(self) -> None:
        """Nothing more is called."""


class ProcessList:
    """The source that reads the list, and reads it again whenever it changes."""

    name = "process list"

    def __init__(self, path: str, clock: Clock, reader: Calls | None = None) -> None:
        """`path` as configured; nothing is read yet. `reader` calls whatever may hang on the file's account."""
        self._path = path
        self._clock = clock
        self._reader = reader
        self._asked = asyncio.Event()

    def reload(self) -> None:
        """Read the file again now, changed or not (SIGHUP)."""
        self._asked.set()

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """The list once, then again upon each change; a fault is emitted and logged once per change."""
        reader = self._reader or Reader(self._path)
        try:
            await self._follow(reader, emit)
        finally:
            reader.close()

    async def _follow(self, reader: Calls, emit: Callable[[Observation], None]) -> None:
        told: tuple[Entry, ...] | str | None = None
        known: Stamp | None = None
        unsure = True
        asked = self._asked.is_set()
        self._asked.clear()
        while True:
            stamp, outcome = await self._look(reader, None if asked or unsure else known)
            if outcome is not None:
                # Half-written and half-replaced files are common: a fault counts if it is still there
                # at the next look.
                fresh_fault = isinstance(outcome, str) and stamp != known and told is not None and not asked
                if not fresh_fault and (asked or outcome != told):
                    self._tell(outcome, emit)
                    told = outcome
                # Two changes within one tick of the file system's clock leave the same stamp.
                recent = (
                    stamp is not None and abs(self._clock.now().wall.timestamp() - stamp[0] / 1e9) < _RECENT
                )
                unsure = fresh_fault or recent
                known = stamp
            rest = _LOOK_AGAIN if unsure else _LOOK_EVERY
            asked = await pause(self._clock, beat(self._clock, rest), self._asked)

    async def _look(
        self, reader: Calls, unless: Stamp | None
    ) -> tuple[Stamp | None, tuple[Entry, ...] | str | None]:
        """The file's stamp and what it says, or what is wrong with it; None for what it says if the stamp is `unless`.

        A file that does not answer has no stamp, nor has one that is not there: each is read at every look.
        """

        def look() -> tuple[Stamp | None, tuple[Entry, ...] | str | None]:
            stamp = stamp_of(self._path)
            if stamp is not None and stamp == unless:
                return stamp, None
            try:
                return stamp, read(self._path)
            except YamlFileFault as fault:
                return stamp, str(fault)

        try:
            return await reader.call(look)
        except Unreadable as fault:
            return None, str(_whole_file(self._path, str(fault)))

    def _tell(self, outcome: tuple[Entry, ...] | str, emit: Callable[[Observation], None]) -> None:
        if isinstance(outcome, str):
            LOG.error(
                "The process list cannot be used and the last good one stays in force; mend this, and it is"
                " read again by itself:\n%s",
                outcome,
            )
            emit(ListBroken(self._path, outcome))
            return
        LOG.info("The process list %s names %d processes", self._path, len(outcome))
        emit(ListRead(outcome, self._path))

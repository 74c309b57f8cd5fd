"""What is the same about two states at different moments: a value without its clock.

In: anything made of records, mappings and plain values. Out: a tuple in which moments are ages, counters of requests
are their order, and whatever is older than every patience is simply old.

A value is taken apart into its form, in which a place stands for each moment, and its moments. No record ever
changes, and most of them are in many states; so the form of each is made once, and equal forms
are one object from then on.
"""

import dataclasses
import datetime
import enum
from collections.abc import Callable, Hashable, Mapping, Set
from typing import Any

from masakarimonitors.core.decision import Instant

BEGIN = 1_000_000.0
"""The first monotonic second: so far from zero that no duration is taken for a moment."""
_A_MOMENT = BEGIN / 2
_OLD = 700.0
"""Seconds: what is older than this differs in nothing that a decision looks at."""
# Counters, words for people, and what is noted for the next start: no decision of this life reads them again.
_LEFT_OUT = {"asked", "request_id", "why", "evidence", "power_evidence", "noted"}
_KEPT = 100_000
"""Records whose form is kept, at most."""

Moment = float | datetime.datetime


class Shape:
    """Takes the shape of values at one moment."""

    def __init__(self, now: Instant) -> None:
        self._now = now

    def of(self, value: Any) -> Hashable:
        """The shape of `value`."""
        moments: list[Moment] = []
        form = _form(value, moments)
        return (form, *map(self._age, moments)) if moments else form

    def _age(self, moment: Moment) -> float:
        if isinstance(moment, float):
            seconds = self._now.monotonic - moment
        else:
            seconds = (self._now.wall - moment).total_seconds()
        # None is negative: Python's hash of -1 is that of -2, and a search goes by hashes.
        return round(max(-_OLD, min(seconds, _OLD)) + _OLD, 2)


class _Mark:
    """Stands in a form for what is no plain value: a moment, a word of an enumeration, or the form of a record."""

    __slots__ = ("_hash",)

    def __init__(self, name: str) -> None:
        self._hash = hash(f"mark {name}")

    def __hash__(self) -> int:
        return self._hash


Take = Callable[[Any, list[Moment]], Hashable]
"""Takes a value's form, and adds its moments."""

_MOMENT = _Mark("moment")
_forms: dict[Hashable, _Mark] = {}
_records: dict[int, tuple[Any, Hashable, tuple[Moment, ...]]] = {}
_takes: dict[type, Take] = {}


def _form(value: Any, moments: list[Moment]) -> Hashable:
    kind = type(value)
    return (_takes.get(kind) or _take_of(kind))(value, moments)


def _take_of(kind: type) -> Take:
    """How the form of such a value is taken."""
    _takes[kind] = take = _choose(kind)
    return take


def _choose(kind: type) -> Take:
    if issubclass(kind, enum.Enum):
        words = {id(word): _Mark(f"{kind.__qualname__}.{word.name}") for word in kind}
        return lambda value, moments: words[id(value)]
    if kind is type(None) or issubclass(kind, str | int):
        return lambda value, moments: value
    if issubclass(kind, float):
        return _take_float
    if issubclass(kind, tuple | list):
        return lambda value, moments: tuple([_form(item, moments) for item in value])
    if issubclass(kind, Instant):
        return lambda value, moments: _form(value.monotonic, moments)
    if issubclass(kind, datetime.datetime):
        return _take_moment
    if issubclass(kind, Mapping):
        return _take_mapping
    if issubclass(kind, Set):
        return lambda value, moments: tuple(sorted(map(repr, value)))
    if dataclasses.is_dataclass(kind):
        return _record(kind)
    return lambda value, moments: repr(value)


def _take_moment(value: Moment, moments: list[Moment]) -> Hashable:
    moments.append(value)
    return _MOMENT


def _take_float(value: float, moments: list[Moment]) -> Hashable:
    return _take_moment(value, moments) if _A_MOMENT < value < float("inf") else value


def _take_mapping(value: Mapping[Any, Any], moments: list[Moment]) -> Hashable:
    names = sorted(value, key=str) if len(value) > 1 else value
    return tuple([(str(name), _form(value[name], moments)) for name in names])


def _record(kind: Any) -> Take:
    names = [field.name for field in dataclasses.fields(kind) if field.name not in _LEFT_OUT]
    frozen: bool = kind.__dataclass_params__.frozen

    def take(value: Any, moments: list[Moment]) -> Hashable:
        known = _records.get(id(value))
        if known is None:
            own: list[Moment] = []
            parts = (kind, *[_form(getattr(value, name), own) for name in names])
            form = _forms.get(parts)
            if form is None:
                form = _forms[parts] = _Mark(f"{kind.__qualname__} {len(_forms)}")
            known = (value, form, tuple(own))
            if frozen:
                if len(_records) >= _KEPT:
                    _records.clear()
                # The record stays with its form, so that nothing else is ever at its place.
                _records[id(value)] = known
        moments += known[2]
        return known[1]

    return take

"""What is the same about two states at different moments: a value without its clock.

In: anything made of records, mappings and plain values. Out: a tuple in which moments are ages, counters of requests
are their order, and whatever is older than every patience is simply old.
"""

import dataclasses
import datetime
import enum
from collections.abc import Hashable, Mapping, Set
from typing import Any

from masakarimonitors.core.decision import Instant

BEGIN = 1_000_000.0
"""The first monotonic second: so far from zero that no duration is taken for a moment."""
_A_MOMENT = BEGIN / 2
_OLD = 700.0
"""Seconds: what is older than this differs in nothing that a decision looks at."""
# Counters, and words for people: no decision reads them again.
_LEFT_OUT = {"last_request_id", "request_id", "why", "evidence", "power_evidence"}


class Shape:
    """Takes the shape of values at one moment."""

    def __init__(self, now: Instant) -> None:
        self._now = now

    def of(self, value: Any) -> Hashable:
        """The shape of `value`."""
        if value is None or isinstance(value, str | bool | int | enum.Enum):
            return value
        if isinstance(value, float):
            return self._moment(value) if value > _A_MOMENT and value != float("inf") else value
        if isinstance(value, datetime.datetime):
            return self._age((self._now.wall - value).total_seconds())
        if isinstance(value, Instant):
            return self.of(value.monotonic)
        if isinstance(value, Mapping):
            return tuple(sorted(((str(key), self.of(item)) for key, item in value.items()), key=_by_name))
        if isinstance(value, Set):
            return tuple(sorted(map(repr, value)))
        if isinstance(value, tuple | list):
            return tuple(self.of(item) for item in value)
        if dataclasses.is_dataclass(value):
            return (
                type(value).__name__,
                *(self.of(getattr(value, name)) for name in _fields(type(value))),
            )
        return repr(value)

    def _moment(self, second: float) -> float:
        return self._age(self._now.monotonic - second)

    def _age(self, seconds: float) -> float:
        return round(max(-_OLD, min(seconds, _OLD)), 2)


_names: dict[type, tuple[str, ...]] = {}


def _fields(kind: Any) -> tuple[str, ...]:
    if kind not in _names:
        _names[kind] = tuple(field.name for field in dataclasses.fields(kind) if field.name not in _LEFT_OUT)
    return _names[kind]


def _by_name(pair: tuple[str, Hashable]) -> str:
    return pair[0]

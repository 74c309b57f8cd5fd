"""How much memory a step keeps that waits for the disk: what was seen, and what of the state is new.

An estimate, made in microseconds for each decision: of a long list the first elements are weighed, and stand for all.
"""

import sys
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

_SAMPLE = 20
_DEEP = 6
# Of an element whose container does not say what it takes, as a view of a mapping does not.
_ELEMENT = 100


def weight(thing: Any, deep: int = _DEEP) -> int:
    """Bytes of a thing with all that it holds, so many levels down."""
    size = sys.getsizeof(thing, _ELEMENT)
    if deep <= 0 or isinstance(thing, str | bytes | int | float | None):
        return size
    if is_dataclass(thing) and not isinstance(thing, type):
        return size + sum(weight(getattr(thing, field.name), deep - 1) for field in fields(thing))
    if isinstance(thing, Mapping):
        some = list(islice(thing.items(), _SAMPLE))
    elif isinstance(thing, Collection):
        some = list(islice(thing, _SAMPLE))
    else:
        return size
    sample = sum(weight(one, deep - 1) for one in some)
    return size + sample * len(thing) // max(1, len(some))


def added(state: Any, before: Any, deep: int = 3) -> int:
    """Bytes of the containers that a state has and the one before had not; what they hold is taken to be the same."""
    if state is before or deep <= 0:
        return 0
    if is_dataclass(state) and not isinstance(state, type):
        other = before if type(before) is type(state) else None
        inner = (
            added(getattr(state, one.name), getattr(other, one.name, None), deep - 1) for one in fields(state)
        )
        return sys.getsizeof(state, _ELEMENT) + sum(inner)
    if isinstance(state, Collection) and not isinstance(state, str | bytes):
        if isinstance(state, dict | list | tuple | set | frozenset):
            return sys.getsizeof(state)
        return _ELEMENT // 2 * len(state)  # a view of another, which says nothing of that
    return 0

"""Frozen records as JSON, and back without loss: what a decision knows, by which rules it judges, and what it sees.

Pure. In: dataclasses of plain values, enums, moments, and of one another. Out: JSON in which each record is named by
its class; a field that has its default is left out; what is kept by keys that are no words stands as pairs. `Words`
reads it again by the fields' own types, and takes nothing that these do not allow: what another version wrote is named
and refused, never half understood.
"""

import dataclasses
import datetime
import hashlib
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any, get_args, get_origin

from masakarimonitors.core.decision import JSON

NAME = "is"
"""The key under which a record names its class."""

_DEEPEST = 60
_INFINITE = {"inf": math.inf, "-inf": -math.inf}


class Unreadable(ValueError):
    """What was read is no record of these words; says where in it, and why."""


Hidden = Mapping[str, AbstractSet[str]]
"""Fields whose text is a secret of the operator's, by the class that has them."""


def write(value: Any, hidden: Hidden = types.MappingProxyType({})) -> JSON:
    """As JSON; raises TypeError for what is no record and no plain value.

    Of a `hidden` field only a digest is written: what is the same stays the same.
    """
    match value:
        case Enum():
            return write(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime.datetime():
            return value.isoformat()
        case Mapping() if all(isinstance(key, str) for key in value):
            return {_key(key): write(one, hidden) for key, one in value.items()}
        case Mapping():
            return [[write(key, hidden), write(one, hidden)] for key, one in value.items()]
        case AbstractSet():
            return [write(one, hidden) for one in sorted(value, key=repr)]
        case list() | tuple():
            return [write(one, hidden) for one in value]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} cannot be written down")
    name = type(value).__name__
    told: dict[str, JSON] = {NAME: name}
    secret = hidden.get(name, ())
    for field, default in _fields(type(value)):
        one = getattr(value, field)
        if one is not default and (default is dataclasses.MISSING or one != default):
            told[field] = _hide(one) if field in secret else write(one, hidden)
    return told


_HIDDEN = "hidden:"


def _hide(text: str) -> str:
    if text.startswith(_HIDDEN):
        return text
    return _HIDDEN + hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def _key(key: str) -> str:
    return str(key.value) if isinstance(key, Enum) else key


_FIELDS: dict[type, tuple[tuple[str, Any], ...]] = {}


def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    """Each field of a class with its default, looked up once."""
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = tuple((one.name, one.default) for one in dataclasses.fields(kind))
    return known


def _default(kind: Any, field: str) -> str:
    """As it is written; nothing for a field that has none, or makes one."""
    default = dict(_fields(kind))[field]
    return "" if default is dataclasses.MISSING else f" {write(default)!r}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """One class of records: how each field is read, and which must be there."""

    make: Callable[..., Any]
    fields: Mapping[str, Any]
    needed: frozenset[str]


class Words:
    """The classes that are reached from `roots`, by name; reads records of these."""

    def __init__(self, *roots: Any, hidden: Hidden = types.MappingProxyType({})) -> None:
        """Raises TypeError where two classes have one name, or a field cannot be read back."""
        self.hidden = hidden
        self._kinds: dict[str, type] = {}
        self._read: dict[str, _Kind] = {}
        self._enums: dict[str, type[Enum]] = {}
        for root in roots:
            self._learn(root)

    @property
    def shape(self) -> str:
        """A digest of all classes and fields: two versions of one shape read each other's records alike.

        What a field is by default belongs to it, since nothing else stands for it in what is written.
        """
        lines = [
            f"{name} {field} {hint!r}{_default(kind.make, field)}"
            for name, kind in sorted(self._read.items())
            for field, hint in kind.fields.items()
        ]
        lines += [f"{name} {[one.value for one in kind]!r}" for name, kind in sorted(self._enums.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def has(self, kind: type) -> bool:
        """Whether records of that class are read."""
        return self._kinds.get(kind.__name__) is kind

    def read(self, hint: Any, value: JSON) -> Any:
        """The value of that type; raises Unreadable."""
        return self._as(hint, value, "it", 0)

    # -- what there is --------------------------------------------------------------------------

    def _learn(self, hint: Any) -> None:
        for kind in _classes(hint):
            if issubclass(kind, Enum):
                self._enums[kind.__name__] = kind
                continue
            known = self._kinds.setdefault(kind.__name__, kind)
            if known is not kind:
                raise TypeError(f"two classes are called {kind.__name__}")
            if kind.__name__ in self._read:
                continue
            hints, declared = typing.get_type_hints(kind), dataclasses.fields(kind)  # type: ignore[arg-type]
            fields = {one.name: hints[one.name] for one in declared if one.init}
            needed = frozenset(
                one.name
                for one in declared
                if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
            )
            self._read[kind.__name__] = _Kind(kind, fields, needed)
            for field in fields.values():
                self._learn(field)

    # -- what is read ---------------------------------------------------------------------------

    def _as(self, hint: Any, value: JSON, where: str, depth: int) -> Any:
        if depth > _DEEPEST:
            raise Unreadable(f"{where} is nested too deeply")
        origin = get_origin(hint)
        if origin in (typing.Union, types.UnionType):
            return self._as_one_of(get_args(hint), value, where, depth)
        if origin is not None and dataclasses.is_dataclass(origin):
            return self._as_record([typing.cast(type, origin)], value, where, depth, dict(_filled(hint)))
        if origin is not None:
            return self._as_many(origin, get_args(hint), value, where, depth)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return self._as_record((hint,), value, where, depth, {})
        return _plain(hint, value, where)

    def _as_one_of(self, choices: Sequence[Any], value: JSON, where: str, depth: int) -> Any:
        if value is None and type(None) in choices:
            return None
        records = [one for one in choices if isinstance(one, type) and dataclasses.is_dataclass(one)]
        if isinstance(value, dict) and NAME in value:
            for one in choices:
                origin = get_origin(one)
                if dataclasses.is_dataclass(origin) and value[NAME] == getattr(origin, "__name__", None):
                    return self._as(one, value, where, depth)
            if records:
                return self._as_record(records, value, where, depth, {})
        faults = []
        for one in choices:
            if one in records or one is type(None):
                continue
            try:
                return self._as(one, value, where, depth + 1)
            except Unreadable as fault:
                faults.append(str(fault))
        raise Unreadable("; ".join(faults) or f"{where} is none of its kinds: {_short(value)}")

    def _as_record(
        self, kinds: Sequence[type], value: JSON, where: str, depth: int, filled: Mapping[Any, Any]
    ) -> Any:
        if not isinstance(value, dict):
            raise Unreadable(f"{where} is no record: {_short(value)}")
        name = value.get(NAME)
        if name not in {one.__name__ for one in kinds}:
            raise Unreadable(f"{where} is called {_short(name)}, which is not known there")
        kind = self._read[str(name)]
        foreign = sorted(value.keys() - kind.fields.keys() - {NAME})
        missing = sorted(kind.needed - value.keys())
        if foreign or missing:
            what = f"has {', '.join(foreign)}" if foreign else f"lacks {', '.join(missing)}"
            raise Unreadable(f"{where} ({name}) {what}: it is of another version")
        known = {
            field: self._as(_fill(hint, filled), value[field], f"{name}.{field}", depth + 1)
            for field, hint in kind.fields.items()
            if field in value
        }
        try:
            return kind.make(**known)
        except (ValueError, TypeError) as fault:
            raise Unreadable(f"{where} ({name}) makes no sense: {fault}") from fault

    def _as_many(self, origin: Any, args: tuple[Any, ...], value: JSON, where: str, depth: int) -> Any:
        if issubclass(origin, Mapping) and isinstance(value, list) and not _is_word(args[0]):
            return dict(self._as_many(tuple, args, one, where, depth + 1) for one in value)
        if issubclass(origin, Mapping):
            if not isinstance(value, dict) or (value and not _is_word(args[0])):
                raise Unreadable(f"{where} is no mapping: {_short(value)}")
            return {
                _plain(args[0], key, where): self._as(args[1], one, f"{where}[{key}]", depth + 1)
                for key, one in value.items()
            }
        if not isinstance(value, list):
            raise Unreadable(f"{where} is no list: {_short(value)}")
        if origin is tuple and args[-1] is not Ellipsis:
            if len(value) != len(args):
                raise Unreadable(f"{where} has {len(value)} parts and not {len(args)}")
            pairs = zip(args, value, strict=True)
            return tuple(self._as(one, part, where, depth + 1) for one, part in pairs)
        parts = [self._as(args[0], part, where, depth + 1) for part in value]
        return frozenset(parts) if issubclass(frozenset, origin) else tuple(parts)


def _classes(hint: Any) -> Iterator[type]:
    """The records and enums in a type."""
    origin = get_origin(hint)
    if isinstance(hint, type) and origin is None:
        if dataclasses.is_dataclass(hint) or issubclass(hint, Enum):
            yield hint
        return
    if origin is not None and dataclasses.is_dataclass(origin):
        yield origin  # type: ignore[misc]
    for one in get_args(hint):
        if one is not Ellipsis:
            yield from _classes(one)


def _filled(hint: Any) -> Iterator[tuple[Any, Any]]:
    """What stands for each type variable of a generic record."""
    origin = get_origin(hint)
    yield from zip(origin.__parameters__, get_args(hint), strict=True)


def _fill(hint: Any, filled: Mapping[Any, Any]) -> Any:
    """With what stands for its type variables, however deep within it they are."""
    if hint in filled:
        return filled[hint]
    inner = getattr(hint, "__parameters__", ()) if get_origin(hint) is not None else ()
    return hint[tuple(filled.get(one, one) for one in inner)] if inner else hint


def _is_word(hint: Any) -> bool:
    """Whether a key of that type is one that JSON has."""
    return isinstance(hint, type) and get_origin(hint) is None and issubclass(hint, str)


def _plain(hint: Any, value: JSON, where: str) -> Any:
    try:
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint(value)
        if hint is datetime.datetime and isinstance(value, str):
            return datetime.datetime.fromisoformat(value)
    except ValueError as fault:
        raise Unreadable(f"{where}: {fault}") from fault
    if hint is float:
        if isinstance(value, str) and value in _INFINITE:
            return _INFINITE[value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif hint is int and isinstance(value, bool):
        pass
    elif hint in (int, str, bool) and isinstance(value, hint):
        return value
    elif hint is type(None) and value is None:
        return None
    raise Unreadable(f"{where} is no {getattr(hint, '__name__', hint)}: {_short(value)}")


def _short(value: JSON) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """What a monitor goes by, for whoever writes it down or plays it again.

    `words`: in which it is written; `observations`, `rules`, `state`: their types; `decider`: its decision by such
    rules.
    """

    words: Words
    observations: Any
    rules: Any
    state: Any
    decider: Callable[[Any], Callable[[Any, Any, Any], Any]]

"""Prometheus's text format, version 0.0.4, written without a library: every monitor can afford it. Pure.

In: families, each with its samples. Out: text.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum


class Type(StrEnum):
    """What the numbers of a family are."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """It only grows, from 0 at the start of the process; its name ends in _total."""
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Counted:
    """What a histogram has counted: the values by the first bound that they do not exceed, the last one infinite."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its samples have these labels, whose values are words of a closed set."""

    name: str
    type: Type
    help: str
    labels: Sequence[str] = ()
    _: KW_ONLY
    samples: list[tuple[Labels, float | Counted]] = field(default_factory=list)

    def add(self, value: float | Counted, *labels: str) -> None:
        """One more sample; the labels in their order."""
        self.samples.append((dict(zip(self.labels, labels, strict=True)), value))


def render(families: Iterable[Family]) -> str:
    """All of it; a family without samples is named as well, so that who merges knows it."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.type.value}"
    for labels, value in family.samples:
        if isinstance(value, Counted):
            yield from _histogram(family.name, labels, value)
        else:
            yield _sample(family.name, labels, value)


def _histogram(name: str, labels: Labels, counted: Counted) -> Iterator[str]:
    until = 0
    for bound, count in zip(counted.bounds, counted.counts, strict=True):
        until += count
        yield _sample(f"{name}_bucket", {**labels, "le": _number(bound)}, until)
    yield _sample(f"{name}_sum", labels, counted.total)
    yield _sample(f"{name}_count", labels, until)


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_quoted(labels[label])}"' for label in sorted(labels))
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    # What was seen may hold half a character, which no answer can carry.
    whole = text.encode("utf-8", "backslashreplace").decode()
    return _escaped(whole).replace('"', r"\"")

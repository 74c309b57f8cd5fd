"""What a person wants of silences, asked for at a monitor's socket, and what they are told. Words alone; pure."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """Silence `target` until `until` (aware UTC)."""

    target: str
    until: datetime.datetime


@dataclass(frozen=True, slots=True)
class End:
    """End the silence of that key before its time."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`what` is wanted by `who`, because of `why`."""

    what: Add | End
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it was done, in a sentence or two what is so now, and the key of the silence that it is about, if any."""

    done: bool
    said: str
    key: str = ""

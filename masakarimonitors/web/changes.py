"""The pieces that the page is made of, and which of them have changed since somebody last looked. Pure.

In: the pieces as they are now. Out: for whoever has seen the page up to a number, what has changed since then, in
instalments of bounded size and in the order in which it matters; or the word that he must load the page anew.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LARGEST = 48_000
"""Bytes of one instalment as it is sent, in JSON: the page is to be told in less than 50 KB at a time."""

GONE = 5_000
"""Pieces that are gone and still known: who has seen the page before the oldest of them must load it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One element of the page, in the list `box`, in which it stands by its `key`; `urgent` ones are told first."""

    id: str
    box: str
    key: str
    html: str
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """What to put in place (id, box, key, HTML) and to remove (id alone), up to this number; `more`: it goes on."""

    entries: list[list[str]]
    number: int
    more: bool


class Changes:
    """The pieces as they are; each change has a number."""

    def __init__(self) -> None:
        """There are none."""
        self.number = 0
        self._pieces: dict[str, Piece] = {}
        # In the order of their numbers, as what has changed is put at the end.
        self._numbers: dict[str, int] = {}
        self._gone = 0
        self._forgotten = 0

    @property
    def pieces(self) -> Mapping[str, Piece]:
        """All of them, by their ids."""
        return self._pieces

    def put(self, pieces: Iterable[Piece]) -> bool:
        """These are all that there are now; whether anything has changed."""
        now = {piece.id: piece for piece in pieces}
        fresh = [piece for piece in now.values() if self._pieces.get(piece.id) != piece]
        gone = [name for name in self._pieces if name not in now]
        for name in gone:
            self._note(name)
        for piece in sorted(fresh, key=lambda piece: not piece.urgent):
            self._note(piece.id)
        self._pieces = now
        self._forget()
        return bool(fresh or gone)

    def since(self, number: int) -> Instalment | None:
        """What has changed since that number; None: that is too long ago, or no number of ours."""
        if not self._forgotten <= number <= self.number:
            return None
        changed = []
        for name in reversed(self._numbers):
            if self._numbers[name] <= number:
                break
            changed.append(name)
        entries: list[list[str]] = []
        size = 0
        for name in reversed(changed):
            piece = self._pieces.get(name)
            entry = [name] if piece is None else [name, piece.box, piece.key, piece.html]
            size += len(json.dumps(entry)) + 2
            if entries and size > LARGEST:
                return Instalment(entries=entries, number=number, more=True)
            entries.append(entry)
            number = self._numbers[name]
        return Instalment(entries=entries, number=number, more=False)

    def _note(self, name: str) -> None:
        self.number += 1
        self._numbers.pop(name, None)
        self._numbers[name] = self.number

    def _forget(self) -> None:
        gone = [name for name in self._numbers if name not in self._pieces]
        for name in gone[: max(0, len(gone) - GONE)]:
            self._forgotten = self._numbers.pop(name)

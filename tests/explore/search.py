"""Breadth-first search of what a model can come to: states, depth, and the shortest way to what must not be.

In: a first state, what may happen in each, and a key that tells which states are the same. Out: an account.
Because nearer states are looked at first, the first violation that is found has the shortest trace. A search that has
stopped at a limit goes on from there when it is run again.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.fixtures.collecting import seldom

S = TypeVar("S")


class Violation(Exception):
    """Something has happened that never may; the message says what."""


@dataclass(frozen=True)
class Limits:
    """Where a search stops: at so many `states`, before it looks deeper than `depth` moves, after so many `seconds` of
    this computer's time; None: nowhere."""

    states: int | None = None
    depth: int | None = None
    seconds: float | None = None


@dataclass
class Account:
    """What a search has come to. `depth`: how many moves deep it looks; `ahead`: how many states it has found and not
    looked beyond; `complete`: there is none."""

    states: int = 0
    steps: int = 0
    depth: int = 0
    ahead: int = 1
    complete: bool = False
    violation: str = ""
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        extent = "all of them" if self.complete else f"stopped at its limit, {self.ahead} not looked beyond"
        lines = [f"{self.states} states, {self.steps} steps, depth {self.depth}, {extent}"]
        if self.violation:
            lines.append(f"VIOLATION: {self.violation}")
            lines += [f"  {number}. {name}" for number, name in enumerate(self.trace, 1)]
        return "\n".join(lines)


class Search(Generic[S]):
    """`moves`: what may happen in a state, as a name and the state after it (which may raise Violation)."""

    def __init__(
        self,
        first: S,
        moves: Callable[[S], Iterable[tuple[str, Callable[[], S | None]]]],
        key: Callable[[S], Hashable],
        check: Callable[[S], None],
    ) -> None:
        self._moves = moves
        self._key = key
        self._check = check
        self._seen = {hash(key(first))}
        self._came: list[tuple[int, str]] = [(-1, "")]
        self._ahead: deque[tuple[int, int, S]] = deque([(0, 1, first)])
        self.account = Account(states=1)

    def run(self, limits: Limits) -> Account:
        """Until a violation, a limit, or the end."""
        with seldom():
            return self._run(limits)

    def _run(self, limits: Limits) -> Account:
        account, began = self.account, time.perf_counter()
        while self._ahead and not account.violation:
            number, depth, state = self._ahead[0]
            if limits.states is not None and account.states >= limits.states:
                return account
            if limits.depth is not None and depth > limits.depth:
                return account
            if limits.seconds is not None and time.perf_counter() - began > limits.seconds:
                return account
            account.depth = depth
            self._ahead.popleft()
            self._expand(number, depth, state)
            account.ahead = len(self._ahead)
        account.complete = not account.violation
        return account

    def _expand(self, number: int, depth: int, state: S) -> None:
        """Look at whatever may happen in this state."""
        for name, move in self._moves(state):
            self.account.steps += 1
            try:
                after = move()
                if after is None or (known := hash(self._key(after))) in self._seen:
                    continue
                self._check(after)
            except Violation as violation:
                self.account.violation = str(violation)
                self.account.trace = [*self._trace(number), name]
                return
            self._seen.add(known)
            self._came.append((number, name))
            self._ahead.append((len(self._came) - 1, depth + 1, after))
            self.account.states += 1

    def _trace(self, number: int) -> list[str]:
        names: list[str] = []
        while number > 0:
            number, name = self._came[number]
            names.append(name)
        return names[::-1]

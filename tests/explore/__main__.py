"""`make explore`: everything that may happen, in rounds that look ever deeper, until Ctrl-C or for so many minutes.

In each round every cast goes one move deeper, or as far as its share of time takes it; the shares grow from round to
round. What is found ends the round of that cast with the shortest trace, and the others go on. A cast may be
named by its number. Most casts have no end that anybody waits for: what was covered is printed.
"""

import argparse
import itertools
import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.explore.casts import BALLOTS
from tests.explore.moves import PLAYS, check, first, moves
from tests.explore.search import Limits, Search

SHARE = 20.0
"""Seconds of the first round's share of one cast."""


def casts() -> list[tuple[str, Search[Any]]]:
    """Everybody who plays, by name: the core's casts, then the elections with more and more that goes wrong."""
    found: list[tuple[str, Search[Any]]] = [
        (rules.name, Search(first(rules), moves, lambda model: model.key(), check)) for rules in PLAYS
    ]
    for ballot in BALLOTS:
        for ill_will in (3, 6):
            found.append(
                (f"{ballot.name}, {ill_will} things go wrong", ballot.search(ballot.quiet(), ill_will))
            )
        found.append((f"{ballot.name}, at its start", ballot.search(ballot.start, 4)))
    return found


def play(
    playing: Sequence[tuple[str, Search[Any]]], rounds: int | None = None, minutes: float | None = None
) -> int:
    """So many rounds, and minutes of this computer's time (None: until nothing is left); returns in how many casts
    something was found that never may be."""
    end = math.inf if minutes is None else time.perf_counter() + 60.0 * minutes
    for number in itertools.count(1) if rounds is None else range(1, rounds + 1):
        going = [
            (name, search)
            for name, search in playing
            if not (search.account.complete or search.account.violation)
        ]
        if not going:
            break
        for name, search in going:
            left = end - time.perf_counter()
            if left <= 0.0:
                return _found(playing)
            search.run(Limits(depth=search.account.depth + 1, seconds=min(SHARE * number, left)))
            print(f"round {number}, {name}: {search.account}", flush=True)
    return _found(playing)


def _found(playing: Sequence[tuple[str, Search[Any]]]) -> int:
    return sum(bool(search.account.violation) for _, search in playing)


def main(numbers: Sequence[int], minutes: float | None = None) -> int:
    """0 when nothing was found."""
    everybody = casts()
    playing = [everybody[number] for number in numbers] or everybody
    try:
        found = play(playing, minutes=minutes)
    except KeyboardInterrupt:
        found = _found(playing)
        print()
    for name, search in playing:
        print(f"{name}: {search.account}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tests.explore", description="Everything that may happen."
    )
    parser.add_argument("--minutes", type=float, help="end after so many; by default at Ctrl-C")
    parser.add_argument("casts", nargs="*", type=int, metavar="CAST", help="by their numbers; by default all")
    asked = parser.parse_args()
    sys.exit(main(asked.casts, asked.minutes))

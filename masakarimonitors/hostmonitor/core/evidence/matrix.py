"""The matrix: which vectors of link values mean that a host must be recovered.

Pure. `ask` never guesses: where a link is unknown, it answers for every value which that link
could have, and says so when the answers differ. `input_files.py` reads one from YAML.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.hostmonitor.core.observation import Membership

CLASSIC_SEQUENCE = ("manage", "tenant", "storage")
"""The links of the default matrix, in its order."""


class Answer(StrEnum):
    """What the matrix says of one host."""

    RECOVER = "recover"
    NOTHING = "nothing"
    UNDECIDED = "undecided"
    """It depends on a link whose value is not known."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """`sequence` names the links; `recover` holds the vectors (True: up) whose action is recovery."""

    sequence: tuple[str, ...]
    recover: frozenset[tuple[bool, ...]]

    def __post_init__(self) -> None:
        """Refuse what could never match, and the one vector that must never be accused."""
        if not self.sequence or len(set(self.sequence)) != len(self.sequence):
            raise ValueError(f"the links of a matrix must be named, each once: {self.sequence!r}")
        for vector in self.recover:
            if len(vector) != len(self.sequence):
                raise ValueError(f"{vector!r} does not have one value for each of {self.sequence!r}")
            if all(vector):
                raise ValueError("a host whose links are all up must not be recovered")

    @property
    def never_recovers(self) -> bool:
        """Whether no vector at all means recovery: worth a loud warning at the start."""
        return not self.recover

    def ask(self, values: Sequence[Membership]) -> Answer:
        """What follows from `values` (one per link of `sequence`); LEFT and UNKNOWN could be either.

        Without a single DOWN there is nothing to accuse a host of, whatever is unknown.
        """
        if Membership.DOWN not in values:
            return Answer.NOTHING
        choices = [
            (True,) if value is Membership.UP else (False,) if value is Membership.DOWN else (True, False)
            for value in values
        ]
        answers = {vector in self.recover for vector in itertools.product(*choices)}
        if len(answers) > 1:
            return Answer.UNDECIDED
        return Answer.RECOVER if True in answers else Answer.NOTHING

    def clears(self, values: Sequence[Membership]) -> bool:
        """Whether nothing asks for recovery, whatever the unknown links are; one that LEFT is no reason."""
        choices = [
            (False,)
            if value is Membership.DOWN
            else (True, False)
            if value is Membership.UNKNOWN
            else (True,)
            for value in values
        ]
        return not any(vector in self.recover for vector in itertools.product(*choices))

    def missing(self, values: Sequence[Membership]) -> tuple[str, ...]:
        """The links whose values are not known."""
        known = (Membership.UP, Membership.DOWN)
        return tuple(name for name, value in zip(self.sequence, values, strict=True) if value not in known)


def single(link: str) -> Matrix:
    """The matrix of a driver with one link: down means recovery."""
    return Matrix((link,), frozenset({(False,)}))


def default(configured: Sequence[str] = CLASSIC_SEQUENCE) -> Matrix:
    """Without a file: recovery whenever storage is down; only the `configured` links take part.

    Without storage among them no vector means recovery, because a host that is merely unreachable
    over the management network still runs its instances: see `Matrix.never_recovers`.
    """
    sequence = tuple(name for name in CLASSIC_SEQUENCE if name in configured)
    vectors = itertools.product((True, False), repeat=len(sequence))
    if "storage" not in sequence:
        return Matrix(sequence, frozenset())
    at = sequence.index("storage")
    return Matrix(sequence, frozenset(vector for vector in vectors if not vector[at]))


def as_rows(matrix: Matrix) -> Mapping[tuple[Membership, ...], bool]:
    """Every vector and whether it means recovery, for people and for tests."""
    return {
        tuple(Membership.UP if up else Membership.DOWN for up in vector): vector in matrix.recover
        for vector in itertools.product((True, False), repeat=len(matrix.sequence))
    }

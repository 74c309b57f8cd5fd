"""The search of what can become of an election: one cast of its models, and so many things that go wrong in one story.

A model says what may happen and how much ill will that takes. In no moment may two send by right; and left alone from
then on, the monitors must come to one leader, the fittest of those that can lead, or all say that there is none.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tests.explore.search import Search, Violation

W = TypeVar("W", bound=Hashable)


class Voter(Protocol):
    """One monitor of a lock's or a Lease's model. `leads`: for so many ticks more; `known`: when it last knew a leader;
    `claim`: what it is fit for."""

    @property
    def runs(self) -> bool: ...

    @property
    def leads(self) -> int: ...

    @property
    def follows(self) -> int | None: ...

    @property
    def known(self) -> int: ...

    @property
    def claim(self) -> tuple[bool, bool]: ...


def several_lead(voters: Sequence[Voter]) -> str:
    """What must never be: two that send by right at one time."""
    leaders = [i for i, voter in enumerate(voters) if voter.leads > 0]
    return f"{leaders} all lead" if len(leaders) > 1 else ""


def badly_led(voters: Sequence[Voter], able: Sequence[int], there: Sequence[int]) -> str:
    """What must not be where nothing has happened for long: anything but the best of those that are `able` to lead and
    all that are `there` behind it, or none said."""
    leaders = [i for i, voter in enumerate(voters) if voter.leads > 0]
    if not able:
        if leaders:
            return f"{leaders} leads and cannot"
        if silent := [i for i, voter in enumerate(voters) if voter.runs and voter.follows is not None]:
            return f"{silent} follows the dead"
        patient = [i for i, voter in enumerate(voters) if voter.runs and voter.known > -20]
        return f"{patient} began anew to wait for a leader" if patient else ""
    if len(leaders) != 1 or leaders[0] not in able:
        return f"of {able} that can lead {leaders} does"
    if voters[leaders[0]].claim != max(voters[i].claim for i in able):
        return f"{leaders[0]} leads, and another is fitter"
    lost = [i for i in there if i != leaders[0] and voters[i].follows != leaders[0]]
    return f"{lost} does not follow {leaders[0]}" if lost else ""


@dataclass(frozen=True, kw_only=True)
class Ballot(Generic[W]):
    """One model of an election. `unsafe`, `unsettled`: what is wrong at once, and after `rounds` in which all is left
    alone; empty: nothing is."""

    name: str
    start: W
    moves: Callable[[W], Iterator[tuple[str, int, W]]]
    let_be: Callable[[W], W]
    unsafe: Callable[[W], str]
    unsettled: Callable[[W], str]
    rounds: int

    def quiet(self) -> W:
        """What comes of it when nothing goes wrong."""
        world = self.start
        for _ in range(self.rounds):
            world = self.let_be(world)
        return world

    def search(self, begin: W, ill_will: int) -> Search[tuple[W, int]]:
        """Every story from `begin` on in which at most so much goes wrong."""
        settled: set[W] = set()

        def moves(moment: tuple[W, int]) -> Iterator[tuple[str, Callable[[], tuple[W, int]]]]:
            world, left = moment
            for name, cost, after in self.moves(world):
                if cost <= left:
                    yield name, lambda after=after, cost=cost: (after, left - cost)  # type: ignore[misc]

        return Search(
            (begin, ill_will), moves, lambda moment: moment, lambda moment: self._check(moment[0], settled)
        )

    def _check(self, world: W, settled: set[W]) -> None:
        if fault := self.unsafe(world):
            raise Violation(fault)
        passed = []
        for _ in range(self.rounds):
            if world in settled:
                break
            passed.append(world)
            world = self.let_be(world)
            if fault := self.unsafe(world):
                raise Violation(f"left alone: {fault}")
        else:
            if fault := self.unsettled(world):
                raise Violation(f"left alone: {fault}")
        settled.update(passed)

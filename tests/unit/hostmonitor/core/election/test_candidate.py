"""Who should rather be the reporter, and that what one says of itself is read as it was written."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.core.election.candidate import (
    Candidate,
    deciding_links,
    fitter,
    read_candidate,
    write_candidate,
)
from masakarimonitors.hostmonitor.core.evidence import matrix

LINKS = ("manage", "tenant", "storage")
DECIDING = frozenset({"storage"})


def seeing(node: str, *sees: str, delivers: bool | None = None) -> Candidate:
    return Candidate(node, frozenset(sees), delivers)


OWN = seeing("own", *LINKS)
OTHER = seeing("other", *LINKS)
BLINDER = seeing("blinder", "manage", "tenant")


@pytest.mark.parametrize(
    ("judged", "deciding"),
    [
        (matrix.default(), {"storage"}),
        (matrix.default(["manage", "tenant"]), set()),
        (matrix.single("cluster"), {"cluster"}),
        (
            matrix.Matrix(("manage", "storage"), frozenset({(False, False)})),
            {"manage", "storage"},
        ),
    ],
)
def test_the_links_that_decide_are_those_whose_value_makes_a_difference(
    judged: matrix.Matrix, deciding: set[str]
) -> None:
    assert deciding_links(judged) == deciding


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (OWN, OTHER, False),
        (OWN, BLINDER, True),
        (BLINDER, OWN, False),
        # As many links, but not the one that decides.
        (seeing("a", "manage", "storage"), BLINDER, True),
        # More links, of which none decides more, but each may show planned work.
        (OWN, seeing("b", "storage"), True),
        (seeing("b", "storage"), OWN, False),
        (seeing("a", "manage", "storage"), seeing("b", "tenant", "storage"), False),
        # To deliver comes before to see what does not decide, and who says nothing of it is not compared by that.
        (seeing("a", "storage", delivers=True), seeing("b", *LINKS, delivers=False), True),
        (seeing("a", *LINKS, delivers=False), seeing("b", "storage", delivers=True), False),
        (seeing("a", *LINKS, delivers=True), seeing("b", "storage"), False),
        (seeing("a", *LINKS, delivers=False), seeing("b", "storage", delivers=False), True),
        (seeing("a", *LINKS, delivers=True), seeing("b", *LINKS, delivers=False), True),
        # Nobody knows that it is better than one that may deliver; and it may not be better than one that does not.
        (seeing("a", *LINKS, delivers=True), OTHER, False),
        (OWN, seeing("b", *LINKS, delivers=False), False),
        # To see what decides comes before to deliver.
        (seeing("a", "storage", delivers=False), seeing("b", "manage", delivers=True), True),
        (OWN, None, True),
        (None, OWN, False),
        (None, None, False),
    ],
)
def test_who_is_fitter(one: Candidate | None, other: Candidate | None, expected: bool) -> None:
    assert fitter(one, other, DECIDING) is expected


CANDIDATES = st.builds(
    Candidate,
    st.sampled_from(["a", "b", "c"]),
    st.frozensets(st.sampled_from(LINKS)),
    st.sampled_from([None, True, False]),
)


@given(st.lists(CANDIDATES, min_size=1, max_size=5))
def test_somebody_is_so_fit_that_nobody_is_fitter(candidates: list[Candidate]) -> None:
    """So there is never a circle of nodes that wait for each other, or take the leadership from one another."""
    best = [one for one in candidates if not any(fitter(other, one, DECIDING) for other in candidates)]
    assert best
    for one in candidates:
        for other in candidates:
            # Nor does one that took it over find out that it should not have.
            assert not (fitter(one, other, DECIDING) and fitter(other, one, DECIDING))


@given(CANDIDATES, st.none() | st.integers(0, 10**9))
def test_a_candidate_is_read_as_it_was_written(candidate: Candidate, beat: int | None) -> None:
    candidate = replace(candidate, beat=beat)
    assert read_candidate(write_candidate(candidate)) == candidate


@given(st.binary(max_size=40))
def test_foreign_values_name_no_candidate(body: bytes) -> None:
    assert read_candidate(body) is None or isinstance(read_candidate(body), Candidate)

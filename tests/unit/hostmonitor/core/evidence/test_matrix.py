import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer, Matrix
from masakarimonitors.hostmonitor.core.observation import Membership

U, D, L, X = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN


def test_the_default_recovers_the_four_vectors_whose_storage_is_down() -> None:
    rows = matrix.as_rows(matrix.default())
    assert len(rows) == 8
    assert {vector for vector, acts in rows.items() if acts} == {v for v in rows if v[2] is D}


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ((U, U, U), Answer.NOTHING),
        ((D, D, U), Answer.NOTHING),
        ((U, U, D), Answer.RECOVER),
        ((X, X, D), Answer.RECOVER),  # every value that the two could have says recovery
        ((D, D, X), Answer.UNDECIDED),
        ((X, D, U), Answer.NOTHING),
        ((X, X, X), Answer.NOTHING),  # nobody is accused without one link that is down
        ((L, L, L), Answer.NOTHING),
        ((D, U, L), Answer.UNDECIDED),
    ],
)
def test_asks_for_every_value_that_an_unknown_link_could_have(
    values: tuple[Membership, ...], answer: Answer
) -> None:
    assert matrix.default().ask(values) is answer


def test_names_the_links_that_are_missing() -> None:
    assert matrix.default().missing((D, L, X)) == ("tenant", "storage")


def test_only_the_configured_datacentres_take_part() -> None:
    two = matrix.default(("storage", "manage"))
    assert two.sequence == ("manage", "storage")
    assert two.ask((U, D)) is Answer.RECOVER
    assert two.ask((D, U)) is Answer.NOTHING


def test_without_storage_the_default_recovers_nothing_and_says_so() -> None:
    assert matrix.default(("manage", "tenant")).never_recovers
    assert not matrix.default().never_recovers


def test_a_driver_with_one_link() -> None:
    one = matrix.single("cluster")
    assert (one.ask((U,)), one.ask((D,)), one.ask((X,))) == (Answer.NOTHING, Answer.RECOVER, Answer.NOTHING)


@pytest.mark.parametrize(
    ("sequence", "recover"),
    [((), set()), (("a", "a"), set()), (("a",), {(True, False)}), (("a", "b"), {(True, True)})],
)
def test_refuses_what_could_never_be_right(sequence: tuple[str, ...], recover: set[tuple[bool, ...]]) -> None:
    with pytest.raises(ValueError):
        Matrix(sequence, frozenset(recover))


@given(st.sets(st.tuples(*[st.booleans()] * 3)), st.tuples(*[st.sampled_from(Membership)] * 3))
def test_an_answer_never_changes_when_the_unknown_becomes_known(
    recover: set[tuple[bool, ...]], values: tuple[Membership, ...]
) -> None:
    rules = Matrix(("a", "b", "c"), frozenset(recover - {(True, True, True)}))
    answer = rules.ask(values)
    if answer is Answer.UNDECIDED or D not in values:
        return
    for index, value in enumerate(values):
        if value in (L, X):
            for known in (U, D):
                assert rules.ask((*values[:index], known, *values[index + 1 :])) is answer

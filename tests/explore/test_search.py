"""The search itself, on a puzzle whose answer is known: a counter, and a number that it must not reach."""

from collections.abc import Callable, Iterator

from tests.explore.search import Limits, Search, Violation


def moves(number: int) -> Iterator[tuple[str, Callable[[], int | None]]]:
    yield "add one", lambda: number + 1 if number < 20 else None
    yield "double", lambda: number * 2 if number < 20 else None


def forbid(number: int) -> Callable[[int], None]:
    def check(found: int) -> None:
        if found == number:
            raise Violation(f"it is {number}")

    return check


def test_the_shortest_way_is_told() -> None:
    account = Search(1, moves, lambda number: number, forbid(12)).run(Limits())
    assert account.violation == "it is 12"
    assert len(account.trace) == 4
    assert account.trace[-1] == "double"
    assert "VIOLATION: it is 12" in str(account) and "4. double" in str(account)


def test_everything_is_looked_at_once() -> None:
    account = Search(1, moves, lambda number: number, forbid(0)).run(Limits())
    assert account.complete
    assert account.states == len({*range(1, 21), *range(22, 39, 2)})
    assert "all of them" in str(account)


def test_states_that_are_the_same_count_once() -> None:
    assert Search(1, moves, lambda number: number % 3, forbid(0)).run(Limits()).states == 3


def test_it_stops_at_a_limit_and_says_so() -> None:
    account = Search(1, moves, lambda number: number, forbid(0)).run(Limits(states=5))
    assert 5 <= account.states <= 6 and not account.complete
    assert 0 < account.ahead < account.states
    assert f"stopped at its limit, {account.ahead} not looked beyond" in str(account)


def test_it_goes_on_where_it_stopped() -> None:
    search = Search(1, moves, lambda number: number, forbid(0))
    stops = [search.run(Limits(depth=depth)).states for depth in (1, 2, 3)]
    assert stops == sorted(set(stops)) and not search.account.complete
    assert search.run(Limits()).complete
    assert search.account == Search(1, moves, lambda number: number, forbid(0)).run(Limits())


def test_a_move_may_itself_be_what_must_not_be() -> None:
    def explode() -> int:
        raise Violation("boom")

    account = Search(1, lambda number: [("light it", explode)], lambda number: number, forbid(0)).run(
        Limits()
    )
    assert (account.violation, account.trace) == ("boom", ["light it"])

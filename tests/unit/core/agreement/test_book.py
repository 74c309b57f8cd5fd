"""Both, only they, only we, or not known yet: in whichever order the two sides are heard."""

import datetime
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from masakarimonitors.core.agreement import book as agreement
from masakarimonitors.core.agreement.book import KEPT, LOOK_BACK, PENDING, WINDOW, Agreement, Book, Said
from masakarimonitors.core.agreement.told import FAILED, Statement
from tests.fixtures.fake_clock import EPOCH

BEGAN = Book(began=EPOCH, since=EPOCH)


def at(seconds: float) -> datetime.datetime:
    return EPOCH + datetime.timedelta(seconds=seconds)


def ours(seconds: float, subject: str = "process:x", says: str = "STOPPED") -> Statement:
    return Statement(subject=subject, sense=FAILED, says=says, at=at(seconds))


def theirs(seconds: float, uuid: str = "u", subject: str = "process:x", says: str = "STOPPED") -> Statement:
    return Statement(subject=subject, sense=FAILED, says=says, at=at(seconds), uuid=uuid)


def counts(book: Book) -> dict[str, int]:
    return {state.value: book.count(state) for state in Agreement if book.count(state)}


def read(book: Book, seconds: float, *told: Statement) -> Book:
    return agreement.judge(agreement.shown(book, told, at(seconds)), at(seconds))


def test_whoever_comes_first_both_have_told() -> None:
    first = read(agreement.would_send(BEGAN, ours(1000)), 1060, theirs(1040))
    then = agreement.would_send(read(BEGAN, 1060, theirs(1040)), ours(1000))
    assert counts(first) == counts(then) == {"both": 1}
    assert first.judged[0].why == then.judged[0].why == "theirs is 40 s later"


def test_different_words_about_one_failure_are_said() -> None:
    book = agreement.would_send(BEGAN, ours(1000, says="STOPPED OFFLINE UNKNOWN"))
    book = read(book, 1060, theirs(990, says="STOPPED OFFLINE NORMAL"))
    assert (
        book.judged[0].why
        == "theirs is 10 s earlier; they say STOPPED OFFLINE NORMAL, we STOPPED OFFLINE UNKNOWN"
    )


def test_only_we_is_said_when_they_had_their_time_and_masakari_was_read() -> None:
    book = agreement.ruled(BEGAN, "process:x", Said("reported", "it is down", at(999)))
    book = agreement.would_send(book, ours(1000))
    assert counts(read(book, 1000 + WINDOW)) == {"pending": 1}
    late = agreement.judge(book, at(1e6))
    assert counts(late) == {"pending": 1}, "masakari could not be read: nobody knows"
    done = read(book, 1001 + WINDOW)
    assert counts(done) == {"only we": 1}
    assert done.judged[0].why == "they have not told within 300 s; we: it is down"


def test_what_failed_before_the_comparison_began_is_said_to() -> None:
    done = read(agreement.would_send(BEGAN, ours(1)), 2 + WINDOW)
    assert "it may have failed before the comparison began" in done.judged[0].why


def test_only_they_has_our_own_verdict_for_its_reason() -> None:
    book = agreement.ruled(BEGAN, "process:x", Said("held", "a storm", at(1010)))
    book = read(book, 1060, theirs(1000))
    assert counts(book) == {"pending": 1}
    book = read(book, 1001 + WINDOW, theirs(1000))
    assert counts(book) == {"only they": 1}
    assert book.judged[0].why.startswith("held: a storm (")


def test_planned_work_may_be_what_their_report_has_brought_about() -> None:
    book = agreement.ruled(BEGAN, "process:x", Said("planned", "masakari has it on maintenance", at(1010)))
    book = read(book, 1001 + WINDOW, theirs(1000))
    assert book.judged[0].why.endswith("so theirs may have come first")


def test_only_they_of_what_nobody_here_saw_fail() -> None:
    book = read(BEGAN, 1001 + WINDOW, theirs(1000))
    assert book.judged[0].why == "it has ruled nothing about it: it was not seen to fail"


def test_only_they_while_this_side_was_blind_or_away_says_so() -> None:
    book = agreement.blinded(replace(BEGAN, since=at(1010)), at(1000), "libvirt: gone")
    book = read(book, 1001 + WINDOW, theirs(1000))
    assert book.judged[0].why == "this shadow was not running then; it did not see: libvirt: gone"
    book = read(agreement.blinded(BEGAN, at(10), "x"), 1001 + WINDOW, theirs(1000))
    assert "did not see" not in book.judged[0].why, "that was long before"


def test_what_they_told_before_the_comparison_began_counts_only_where_it_is_met() -> None:
    assert counts(read(BEGAN, WINDOW, theirs(-10))) == {}
    assert counts(agreement.would_send(read(BEGAN, 1, theirs(-10)), ours(2))) == {"both": 1}


@pytest.mark.parametrize("second", [ours(1010), ours(1000)])
def test_one_failure_told_again_counts_once(second: Statement) -> None:
    book = agreement.would_send(agreement.would_send(BEGAN, ours(1000)), second)
    assert counts(book) == {"pending": 1}
    book = read(book, 1060, theirs(1005, "a"), theirs(1020, "b"))
    assert counts(book) == {"both": 1}
    assert counts(read(book, 1120, theirs(1005, "a"), theirs(1020, "b"))) == {"both": 1}


def test_two_failures_of_one_subject_are_two() -> None:
    book = agreement.would_send(agreement.would_send(BEGAN, ours(1000)), ours(1000 + 3 * WINDOW))
    book = read(book, 1100 + 3 * WINDOW, theirs(1010, "a"), theirs(1010 + 3 * WINDOW, "b"))
    assert counts(book) == {"both": 2}


def test_what_was_delivered_late_is_met_late() -> None:
    book = read(agreement.would_send(BEGAN, ours(1000)), 1001 + WINDOW)
    assert counts(book) == {"only we": 1}
    assert counts(read(book, 2000, theirs(1010))) == {"both": 1}
    held = read(BEGAN, 1001 + WINDOW, theirs(1000))
    assert counts(held) == {"only they": 1}
    assert counts(agreement.would_send(held, ours(1020))) == {"both": 1}


def test_the_order_of_what_is_heard_changes_nothing() -> None:
    steps: dict[str, Callable[[Book], Book]] = {
        "we": lambda book: agreement.would_send(book, ours(1000)),
        "they": lambda book: agreement.shown(book, [theirs(1030)], at(1060)),
        "another": lambda book: agreement.shown(book, [theirs(1030, "o", "process:y")], at(1060)),
        "read": lambda book: agreement.judge(agreement.shown(book, [], at(1100)), at(1100)),
    }
    ends = set()
    for order in itertools.permutations(steps.values()):
        book = BEGAN
        for step in order:
            book = step(book)
        ends.add(str(counts(read(book, 5000))))
    assert ends == {"{'both': 1, 'only they': 1}"}


def test_all_of_it_is_bounded() -> None:
    book = BEGAN
    for number in range(PENDING + 3):
        book = agreement.would_send(book, ours(1000, f"process:{number}"))
    assert len(book.pending) == PENDING and book.dropped == 3
    book = read(book, 1001 + WINDOW)
    assert len(book.judged) == KEPT and book.count(Agreement.ONLY_WE) == PENDING
    for number in range(agreement.VERDICTS + 3):
        book = agreement.ruled(book, f"process:{number}", Said("held", "", EPOCH))
    assert len(book.verdicts) == agreement.VERDICTS


def test_masakari_is_asked_from_a_little_before_and_forgets_what_is_old() -> None:
    assert agreement.since_of(BEGAN) == at(-WINDOW)
    book = read(BEGAN, 10_000, theirs(9_990))
    assert agreement.since_of(book) == at(10_000 - LOOK_BACK) and list(book.known) == ["u"]
    assert read(book, 30_000).known == {}

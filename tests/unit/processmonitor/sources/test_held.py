"""The table of held processes: a row leaves by its pidfd, or by two looks that show another executable."""

import pytest

from masakarimonitors.processmonitor.core.recognition.matching import Reason
from masakarimonitors.processmonitor.sources.held import APART, Table
from masakarimonitors.processmonitor.sources.scan import Found, Other, Scan

STRONG, WEAK = Reason("its executable is /usr/sbin/svc"), Reason("its title is a worker's", strong=False)
HERE, ELSEWHERE, HIDDEN = (1, 2, 3), (4, 5, 6), ()


class Play:
    """A table, with what runs and the time in the test's hand."""

    def __init__(self) -> None:
        self.alive: set[tuple[int, int]] = set()
        self.ticks = 1000
        self.table = Table(lambda pid, started: (pid, started) in self.alive, lambda: self.ticks)
        self.ended: set[tuple[int, int]] = set()

    def sees(self, *found: Found, at: float = 0.0, others: dict[int, Other] | None = None) -> list[int]:
        self.alive |= {(one.pid, one.started) for one in found}
        scan = Scan({"svc": found} if found else {}, "", {}, others or {})
        self.table.take(scan, at, frozenset(self.ended))
        for key, row in list(self.table.rows.items()):
            if not row.pidfd and row.pid < 100:  # those from 100 on get none
                self.table.hold(key, True)
        return [row.pid for row in self.table.of("svc")]

    def fires(self, pid: int) -> None:
        (key,) = [key for key in self.table.rows if key[0] == pid]
        self.ended.add(key)
        self.alive.discard(key)
        self.table.fired(key)


def strong(pid: int, started: int = 10, marks: tuple[int, ...] = HERE, parent: int = 1) -> Found:
    return Found(pid, started, STRONG, marks, parent=parent)


def weak(pid: int, started: int = 10, parent: int = 1) -> Found:
    return Found(pid, started, WEAK, HERE, parent=parent)


@pytest.fixture
def play() -> Play:
    return Play()


def test_what_is_held_stays_while_looks_do_not_find_it(play: Play) -> None:
    assert play.sees(strong(7)) == [7]
    for _ in range(20):
        assert play.sees() == [7]
    assert play.table.evidence("svc") == "pid 7: its executable is /usr/sbin/svc"


def test_a_changed_title_means_nothing(play: Play) -> None:
    play.sees(strong(7))
    for at in range(20):
        assert play.sees(
            at=at, others={7: Other(started=10, marks=HERE, looks="idle: waiting for jobs")}
        ) == [7]
    assert not play.table.doubts


def test_a_scan_that_has_shown_the_very_same_is_passed_over_only_where_no_row_can_be_another_by_it(
    play: Play,
) -> None:
    play.sees(strong(7))
    assert not play.table.passes_over(())  # it is held since
    play.sees(strong(7))
    assert play.table.passes_over(())
    assert not play.table.passes_over({(7, 10)})  # it has ended since the scan began
    play.sees()
    assert not play.table.passes_over(())  # whether it lives is to be looked at
    play.sees(others={7: Other(started=10, marks=ELSEWHERE, looks="another")})
    play.sees(strong(7))
    assert play.table.passes_over(())
    play.fires(7)
    assert not play.table.passes_over(())


def test_a_weak_successor_counts_that_began_after_a_scan_that_was_passed_over(play: Play) -> None:
    play.sees(strong(7))
    play.sees(strong(7))
    play.ticks = 1100
    assert play.table.passes_over(())
    play.fires(7)
    play.ticks = 1110
    assert play.sees(weak(8, started=1105), weak(9, started=1050)) == [8]


def test_it_has_ended_when_its_pidfd_fires(play: Play) -> None:
    play.sees(strong(7))
    play.fires(7)
    assert play.sees() == []
    assert play.table.evidence("svc") == "pid 7 ended"


def test_a_scan_that_began_before_its_end_does_not_bring_it_back(play: Play) -> None:
    play.sees(strong(7))
    play.fires(7)
    assert play.sees(strong(7)) == []


def test_another_executable_is_believed_at_the_second_look(play: Play) -> None:
    play.sees(strong(7))
    other = {7: Other(started=10, marks=ELSEWHERE, looks="sleep 1000")}
    assert play.sees(at=1.0, others=other) == [7]
    assert play.table.doubts
    assert play.sees(at=1.0 + APART / 2, others=other) == [7]
    assert play.sees(at=1.0 + APART, others=other) == []
    assert play.table.evidence("svc") == 'pid 7 has become another program ("sleep 1000")'
    assert "ended" not in play.table.evidence("svc")


def test_a_doubt_is_over_when_it_shows_itself_again(play: Play) -> None:
    play.sees(strong(7))
    assert play.sees(at=1.0, others={7: Other(started=10, marks=ELSEWHERE, looks="loader")}) == [7]
    assert play.sees(strong(7, marks=ELSEWHERE), at=1.2) == [7]
    assert not play.table.doubts
    # It has executed itself anew: its new place in memory is no sign of another program.
    assert play.sees(at=9.0, others={7: Other(started=10, marks=ELSEWHERE, looks="idle")}) == [7]
    assert not play.table.doubts


def test_what_executes_its_own_program_with_other_arguments_is_that_service_still(play: Play) -> None:
    play.sees(strong(7), strong(8, parent=7))
    others = {
        pid: Other(started=10, marks=ELSEWHERE, looks="svc --other", same=frozenset({"svc"}))
        for pid in (7, 8)
    }
    play.sees(at=1.0, others=others)
    assert play.sees(at=2.0, others=others) == [7]  # and not its child, which may be at other work
    assert not play.table.doubts


def test_another_process_of_the_same_id_is_not_compared(play: Play) -> None:
    play.sees(strong(7))
    for at in (1.0, 2.0):
        assert play.sees(at=at, others={7: Other(started=99, marks=ELSEWHERE, looks="another")}) == [7]


def test_where_marks_are_hidden_only_a_child_of_the_same_is_let_go(play: Play) -> None:
    play.sees(strong(7, marks=HIDDEN))
    play.sees(strong(7, marks=HIDDEN), strong(8, marks=HIDDEN, parent=7))
    other = {7: Other(started=10, marks=HIDDEN, looks="x"), 8: Other(started=10, marks=HIDDEN, looks="x")}
    play.sees(at=1.0, others=other)
    assert play.sees(at=2.0, others=other) == [7]


def test_where_marks_are_hidden_a_daemon_that_gives_itself_a_title_stays(play: Play) -> None:
    play.sees(strong(7, marks=HIDDEN), strong(8, marks=HIDDEN, parent=7))
    play.fires(7)
    for at in (1.0, 2.0, 3.0):
        assert play.sees(
            at=at, others={8: Other(started=10, marks=HIDDEN, looks="idle: waiting", titled=True)}
        ) == [8]
    assert not play.table.doubts


def test_without_a_pidfd_it_leaves_when_it_is_no_longer_there_and_is_not_said_to_have_ended(
    play: Play,
) -> None:
    assert play.sees(strong(101)) == [101]
    assert play.sees() == [101]
    play.alive.clear()
    assert play.sees() == []
    assert play.table.evidence("svc") == "pid 101 is no longer in /proc"


def test_a_worker_does_not_stand_for_a_dead_master(play: Play) -> None:
    assert play.sees(strong(7), weak(8)) == [7, 8]
    play.fires(7)
    play.ticks = 2000
    assert play.sees(weak(8)) == []
    assert play.table.evidence("svc") == "pid 7 ended; only workers or sessions of it are left (pid 8)"
    assert play.sees(weak(8), weak(9, started=2001)) == [9]
    assert play.sees(weak(8), strong(10)) == [10, 8, 9]


def test_what_a_session_of_a_dead_server_begins_is_not_the_server(play: Play) -> None:
    orphan = weak(8)
    play.sees(strong(7), orphan)
    play.fires(7)
    play.ticks = 2000
    assert play.sees(orphan) == []
    fork, grandchild = weak(9, started=2001, parent=8), weak(10, started=2001, parent=9)
    assert play.sees(grandchild, orphan, fork) == []
    play.fires(8)
    play.fires(9)
    late = weak(11, started=2003, parent=9)  # begun just before that one's end
    assert play.sees(grandchild, late) == []
    assert play.sees(grandchild, late, weak(12, started=2004, parent=11)) == []
    assert "only workers or sessions of it are left (pid 10, 11, 12)" in play.table.evidence("svc")


def test_a_successor_that_is_weak_and_goes_to_the_background_counts(play: Play) -> None:
    play.sees(strong(7), weak(8))
    play.fires(7)
    play.ticks = 2000
    play.sees(weak(8))
    successor = weak(9, started=2001)
    assert play.sees(weak(8), successor) == [9]
    assert play.sees(weak(8), successor, weak(10, started=2002, parent=9)) == [9, 10]
    play.fires(9)
    assert play.sees(weak(8), weak(10, started=2002, parent=9)) == [10]


def test_a_weak_successor_that_began_before_the_next_scan_was_taken_in_counts(play: Play) -> None:
    play.sees(strong(7), weak(8))
    play.ticks = 1100
    play.fires(7)
    play.ticks = 1200
    assert play.sees(weak(8, started=1099)) == [], "a worker of the dead one"
    assert play.sees(weak(9, started=1100)) == [9], "begun in the same tick"
    play.ticks = 4000
    assert play.sees(weak(9, started=1100), weak(10, started=1150)) == [9, 10]


def test_without_a_pidfd_a_weak_one_that_began_after_the_last_look_at_the_strong_one_counts(
    play: Play,
) -> None:
    play.sees(strong(101), weak(102, started=999))
    play.ticks = 1100
    assert play.sees(strong(101)) == [101, 102], "nothing has changed"
    play.alive.discard((101, 10))
    play.ticks = 1200
    assert play.sees(weak(102, started=999), weak(103, started=1099), weak(104, started=1100)) == [104]


def test_where_nothing_strong_was_ever_seen_what_is_weak_counts(play: Play) -> None:
    assert play.sees(weak(8)) == [8]
    assert play.sees(weak(8), weak(9)) == [8, 9]


def test_what_was_left_over_when_an_earlier_life_saw_it_gone_does_not_count_in_this_one_either(
    play: Play,
) -> None:
    play.table.was_down("svc", 500)
    play.table.keep_only(frozenset({"svc"}))
    assert play.sees(weak(8, started=499)) == []
    assert "only workers or sessions of it are left (pid 8)" in play.table.evidence("svc")
    assert play.sees(weak(8, started=499), weak(9, started=501)) == [9]
    assert play.sees(weak(8, started=499), strong(10, started=502)) == [10, 8, 9]


def test_what_was_down_before_this_boot_is_of_no_account(play: Play) -> None:
    play.table.was_down("svc", -500)
    assert play.sees(weak(8)) == [8]


def test_what_is_taken_off_the_list_is_forgotten(play: Play) -> None:
    play.sees(strong(7))
    play.table.keep_only(frozenset({"another"}))
    assert play.table.rows == {}
    play.table.keep_only(frozenset({"svc"}))
    assert play.sees(weak(8)) == [8]


def test_only_an_entry_that_was_given_another_user_lets_go_whom_that_excludes(play: Play) -> None:
    other = {7: Other(started=10, marks=HERE, looks="svc", excluded=frozenset({"svc"}))}
    play.sees(strong(7))
    assert play.sees(at=1.0, others=other) == [7], "it has taken another user for a moment"
    play.table.other_user(frozenset({"svc"}))
    assert play.sees(at=2.0, others={7: Other(started=10, marks=HERE, looks="idle")}) == [7]
    assert play.sees(at=3.0, others=other) == []


def test_once_it_was_seen_as_the_other_user_it_may_take_another_for_a_moment(play: Play) -> None:
    other = {7: Other(started=10, marks=HERE, looks="svc", excluded=frozenset({"svc"}))}
    play.sees(strong(7))
    play.table.other_user(frozenset({"svc"}))
    play.sees(strong(7))
    assert play.sees(at=3.0, others=other) == [7]


def test_where_marks_are_hidden_a_child_that_changes_its_user_alone_stays(play: Play) -> None:
    play.sees(strong(7, marks=HIDDEN), strong(8, marks=HIDDEN, parent=7))
    for at, excluded, left in (
        (1.0, {"svc"}, [7, 8]),
        (2.0, {"svc"}, [7, 8]),
        (3.0, (), [7, 8]),
        (4.0, (), [7]),
    ):
        other = Other(started=10, marks=HIDDEN, looks="svc", excluded=frozenset(excluded))
        assert play.sees(strong(7, marks=HIDDEN), at=at, others={8: other}) == left


def test_of_many_the_first_few_are_named(play: Play) -> None:
    play.sees(*(strong(pid, started=pid) for pid in range(1, 10)))
    assert play.table.evidence("svc").startswith("pid 1, 2, 3, 4, 5 and 4 more: ")

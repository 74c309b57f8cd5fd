"""Two libvirts under one monitor: what one says of its machines says nothing of the other's."""

from masakarimonitors.decisions import Ruling
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.observation import Away, Roll, Seen, Standing
from masakarimonitors.introspectiveinstancemonitor.state import from_disk
from tests.unit.introspectiveinstancemonitor.play import RUN, A, B, Play

HERE, THERE = "qemu:///system", "qemu+tcp://there/system"


def both() -> Play:
    play = Play().hear(Seen(A, "a", RUN, Standing.RUNNING, HERE), Seen(B, "b", RUN, Standing.RUNNING, THERE))
    return play.answers(A).answers(B)


def test_one_away_leaves_the_other_judged() -> None:
    play = both().hear(Away("refused", HERE))
    assert play.rulings == [Ruling.BLIND]
    play.goes_silent(A, times=3)
    assert not play.notified
    assert [uuid for uuid, _, _ in play.goes_silent(B, times=3).notified] == [B]


def test_a_roll_is_about_its_own_machines() -> None:
    play = both().hear(Roll(frozenset({A}), where=HERE))
    assert set(play.state.guests) == {A, B}
    play.hear(Roll(frozenset(), where=THERE))
    assert set(play.state.guests) == {A}


def test_a_question_goes_to_the_libvirt_of_its_machine() -> None:
    play = both().misses(B)
    assert [command.where for command in play.asked] == [THERE]


def test_what_is_remembered_of_one_waits_for_that_one() -> None:
    play = both()
    play.state = from_disk(play.disk, (HERE, THERE))
    play.hear(Roll(frozenset({A}), where=HERE), Seen(B, "b", RUN, Standing.RUNNING, THERE))
    assert play.phase(B) is Phase.HEALTHY


def test_a_machine_of_a_uri_that_is_not_watched_any_more_is_looked_for_at_the_first() -> None:
    play = both().goes_silent(B, times=3)
    play.state = from_disk(play.disk, ("qemu+tls://elsewhere/system",))
    play.hear(Roll(frozenset(), where="qemu+tls://elsewhere/system"))
    assert play.withdrawn == [f"vm:{B}"]

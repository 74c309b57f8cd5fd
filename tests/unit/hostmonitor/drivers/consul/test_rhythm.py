"""How often a datacentre is asked."""

from masakarimonitors.hostmonitor.drivers.consul.rhythm import Absence, Rhythm


def test_probes_slow_down_with_the_number_of_members() -> None:
    rhythm = Rhythm()
    assert rhythm.between_probes(5) == 2.0
    assert rhythm.between_probes(3000) == 6.0
    assert rhythm.between_probes(10_000) == 10.0


def test_what_was_missed_is_learnt_later_in_large_datacentres() -> None:
    rhythm = Rhythm()
    assert [rhythm.exchanges(members) for members in (0, 5, 32, 33, 64, 65, 1000)] == [1, 1, 1, 2, 2, 3, 6]
    assert rhythm.unheard(5) == 60.0 and rhythm.unheard(1000) == 360.0
    assert Rhythm(silence=100.0).unheard(5) == 100.0


def test_an_agent_that_has_been_gone_for_long_is_tried_less_often() -> None:
    rhythm = Rhythm()
    absence = Absence(rhythm)
    assert absence.pause(7.0) == 1.0
    tried = []
    for second in (100.0, 101.0, 219.0, 220.0, 90_000.0):
        absence.note(True, second)
        tried.append(absence.pause(second))
    assert tried == [1.0, 1.0, 1.0, 4.0, 4.0]
    assert absence.pause(90_000.0) <= rhythm.between_looks(100_000), "a crash is not missed for it"
    absence.note(False, 90_001.0)
    absence.note(True, 90_002.0)
    assert absence.pause(90_003.0) == 1.0, "one that was there since is tried as ever"

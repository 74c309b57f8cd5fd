"""How often a datacentre is asked."""

from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm


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

"""How often a datacentre is asked."""

from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm


def test_probes_slow_down_with_the_number_of_members() -> None:
    rhythm = Rhythm()
    assert rhythm.between_probes(5) == 2.0
    assert rhythm.between_probes(3000) == 6.0
    assert rhythm.between_probes(10_000) == 10.0

"""The table of the boot of its host that an instance is known of."""

import itertools

from masakarimonitors.instancemonitor.core.sight.hearing import BOOTS, Boot, Since, move_boot


def test_the_table_is_whole() -> None:
    assert set(BOOTS) == {(boot, since) for boot in Boot for since in Since}


def test_only_what_is_seen_or_reported_since_makes_up_for_a_restart_of_its_host() -> None:
    for story in itertools.product(Since, repeat=3):
        boot = Boot.EARLIER
        for since in story:
            boot = move_boot(boot, since)
        assert (boot is Boot.EARLIER) == (set(story) == {Since.HIDDEN}), story


def test_nothing_that_is_seen_makes_it_one_of_an_earlier_boot() -> None:
    assert {move_boot(Boot.THIS, since) for since in Since} == {Boot.THIS}

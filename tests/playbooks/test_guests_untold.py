"""A silent guest of which libvirt tells too little to know whether it is at work: held, and told of; never accused."""

from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.state import Hold
from tests.fixtures.guest_play import A, Play
from tests.playbooks.test_guests import NANO, REPORT, at_work, healthy
from tests.playbooks.test_guests_unknown import row


def untold(play: Play, seconds: int, *, share: float = 0.4) -> list[Any]:
    """Its QEMU uses so much of one processor, and nothing more is told: the monitors of other QEMUs hang."""
    notified: list[Any] = []
    cpu = play.state.guests[A].investigation.before.cpu  # type: ignore[union-attr]
    for _ in range(seconds // 10):
        cpu += int(10 * share * NANO)
        notified += play.after(10).misses().notified
        notified += play.reads(cpu=cpu, ran=None, requests=None).notified
    return notified


def test_what_works_is_not_reported_when_nothing_can_be_told_of_it_any_more() -> None:
    """Its agent hangs and it works, for days; then four other QEMUs hang, and no more monitors are asked."""
    play = at_work(healthy(), 1, rounds=6)
    assert untold(play, 600) == []
    assert row(play).alarm and Hold.UNKNOWN.value in row(play).detail
    for requests in range(2):
        play.after(10).misses().reads(cpu=(1000 + 4 * requests) * NANO, requests=requests)
        assert not play.notified
    assert play.phase() is Phase.ERROR and Hold.AT_WORK.value in row(play).detail


def test_what_stands_accused_is_told_of_again_before_it_is_reported() -> None:
    """Held because of another check's report; when that is over, nothing can be told of it."""
    play = healthy(reports_per_hour=1).goes_silent(times=3).answers().goes_silent(times=3)
    assert (play.notified, play.phase()) == ([], Phase.ACCUSED)
    assert untold(play, 4000) == [] and play.phase() is Phase.ERROR
    play.after(10).misses().reads(cpu=10**15).after(10).misses().reads(cpu=10**15)
    assert play.notified == [REPORT]


def test_what_idles_is_reported_though_nothing_more_is_told() -> None:
    """No processor of a QEMU that uses so little can be at work."""
    play = at_work(healthy(), 1, rounds=6)
    assert untold(play, 200, share=0.05) == [REPORT]


@pytest.mark.parametrize(("works", "reported"), [(0.4, 0), (0.0, 1), (1.0, 1)])
def test_one_whose_qemu_is_mute_is_reported_when_its_processors_are_known_not_to_work(
    works: float, reported: int
) -> None:
    """The first reading after QEMU's monitor fell silent tells of no processor: the question was given up."""
    play, notified = healthy(), []
    for number in range(1, 8):
        ran = None if number == 1 else int(10 * works * NANO) * number
        notified += play.after(10).misses().notified
        notified += play.reads(cpu=8 * NANO * number, ran=ran, requests=None, mute=True).notified
        assert number > 2 or not notified
    assert len(notified) == reported

"""What is known of a migration away, and what a log adds to it."""

import pytest

from masakarimonitors.instancemonitor.core.evidence import leaving
from masakarimonitors.instancemonitor.core.lifecycle import Leaving, Phase
from masakarimonitors.instancemonitor.core.observation import Departure, Power, Reading
from masakarimonitors.instancemonitor.core.sight.hearing import Hearing
from masakarimonitors.instancemonitor.core.state import Instance
from tests.fixtures.instance_play import INSTANCE

NO, MAYBE, YES = Leaving
BEFORE, SINCE, LOOKED, LAST_HEARD, AFTER = (1e6 + at for at in (50.0, 100.0, 200.0, 300.0, 400.0))
DAY = 86400.0


def known(leaves: Leaving, *, unheard: float = 0.0, unwatched: bool = True) -> Instance:
    return Instance(
        identity=INSTANCE,
        key="",
        phase=Phase.UP,
        since=SINCE,
        leaving=leaves,
        hearing=Hearing.MISSED if unwatched else Hearing.WHOLE,
        unheard=unheard,
    )


def log(departure: Departure, *, started: float = BEFORE, departed: float = 0.0) -> Reading:
    return Reading(
        instance=INSTANCE,
        power=Power.OFF,
        log_read=True,
        started=started,
        departure=departure,
        departed=departed,
    )


@pytest.mark.parametrize(
    ("leaves", "traces", "then"),
    [
        (MAYBE, log(Departure.NONE), NO),
        (MAYBE, log(Departure.NONE, started=AFTER), MAYBE),
        (MAYBE, log(Departure.NONE, started=0.0), MAYBE),
        (MAYBE, log(Departure.UNTOLD), MAYBE),
        (MAYBE, log(Departure.BEGUN, departed=BEFORE), MAYBE),
        *((YES, log(departure), YES) for departure in Departure),
        (NO, log(Departure.NONE), NO),
        (NO, log(Departure.UNTOLD), NO),
        (NO, log(Departure.BEGUN, departed=BEFORE), MAYBE),
        (NO, log(Departure.BEGUN, departed=AFTER), MAYBE),
        (NO, log(Departure.BEGUN, departed=0.0), MAYBE),
    ],
)
def test_what_a_log_adds(leaves: Leaving, traces: Reading, then: Leaving) -> None:
    assert leaving.still(traces, known(leaves), looked=0.0) is then
    if leaves is NO:
        heard = known(NO, unwatched=False)
        assert leaving.still(traces, heard, looked=0.0) is NO, "events would have told of it"


@pytest.mark.parametrize(
    ("departed", "looked", "unheard", "then"),
    [
        # It may have been under way then, with its guest still here, and nobody has heard of its end.
        (LOOKED - 1, LOOKED, 0.0, MAYBE),
        (LOOKED - DAY + 1, LOOKED, 0.0, MAYBE),
        (LOOKED - DAY - 1, LOOKED, 0.0, NO),
        (LOOKED + 1, LOOKED, 0.0, MAYBE),
        (LAST_HEARD - 1, LOOKED, LAST_HEARD + 20, NO),
        # It may have been deaf for some time before that was noticed.
        (LAST_HEARD + 1, LOOKED, LAST_HEARD + 20, MAYBE),
        (SINCE - 1, 0.0, 0.0, MAYBE),
        (SINCE - DAY - 1, 0.0, 0.0, NO),
    ],
)
def test_one_that_began_long_before_events_were_last_heard_is_known_to_have_failed(
    departed: float, looked: float, unheard: float, then: Leaving
) -> None:
    traces = log(Departure.BEGUN, departed=departed)
    assert leaving.still(traces, known(NO, unheard=unheard), looked=looked) is then

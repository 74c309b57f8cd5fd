"""What it proves that an instance is not listed any more."""

import datetime
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.instancemonitor.core.evidence.absence import of_absence
from masakarimonitors.instancemonitor.core.lifecycle import Fact, Leaving, Phase
from masakarimonitors.instancemonitor.core.sight.ending import Ending
from masakarimonitors.instancemonitor.core.sight.hearing import Boot, Hearing
from masakarimonitors.instancemonitor.core.state import Instance, State
from tests.fixtures.instance_play import INSTANCE

MISSED = Hearing.MISSED
NOW = 1000.0


def instance(phase: Phase, **known: object) -> Instance:
    return replace(State().known(INSTANCE), phase=phase, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "fact"),
    [
        (instance(Phase.UP), Fact.LEFT),
        (instance(Phase.UP, ending=Ending.ENDED), Fact.LEFT),
        (instance(Phase.UP, hearing=MISSED), Fact.LEFT),
        (instance(Phase.UP, defined=False), Fact.UNSURE),
        (instance(Phase.UP, defined=False, ending=Ending.STOPPED), Fact.LEFT),
        (instance(Phase.UP, defined=False, hearing=MISSED), Fact.UNSURE),
        (instance(Phase.UP, defined=False, hearing=MISSED, ending=Ending.ENDED), Fact.DIED),
        (
            instance(Phase.UP, defined=False, hearing=MISSED, ending=Ending.ENDED, boot=Boot.EARLIER),
            Fact.UNSURE,
        ),
        (instance(Phase.FAILED, reported=NOW), Fact.LEFT),
        (instance(Phase.FAILED, reported=NOW, defined=False), None),
        (instance(Phase.FAILED, reported=NOW - 86400.0, defined=False), Fact.LEFT),
        (instance(Phase.PANICKED, reported=NOW), Fact.LEFT),
        (instance(Phase.PANICKED, reported=NOW, defined=False), Fact.VANISHED),
        (instance(Phase.PANICKED, reported=NOW, defined=False, ending=Ending.ENDED), Fact.DIED),
        (instance(Phase.PANICKED, reported=NOW, defined=False, ending=Ending.STOPPED), Fact.LEFT),
        (instance(Phase.VANISHED, reported=NOW, held=NOW, defined=False), None),
        (instance(Phase.VANISHED, reported=NOW - 86400.0, held=NOW - 86400.0, defined=False), Fact.LEFT),
        (instance(Phase.VANISHED, reported=NOW, defined=False, ending=Ending.STOPPED), Fact.LEFT),
        (instance(Phase.VANISHED, reported=NOW, defined=False, boot=Boot.EARLIER), Fact.HOST_RESTARTED),
        # of a guest that had not crashed, who ended it and which of its lives is not so sure
        (instance(Phase.UP, defined=False, hearing=MISSED, ending=Ending.STOPPED), Fact.UNSURE),
        (instance(Phase.UNSURE, defined=False, held=NOW, ending=Ending.STOPPED), None),
        (instance(Phase.PANICKED, reported=NOW, defined=False, boot=Boot.EARLIER), Fact.HOST_RESTARTED),
        (instance(Phase.UNSURE, defined=False, hearing=MISSED), Fact.LEFT),
        (instance(Phase.UNSURE, defined=False, leaving=Leaving.YES), Fact.UNSURE),
        (instance(Phase.UNSURE, defined=False, leaving=Leaving.MAYBE), Fact.UNSURE),
        (instance(Phase.UNSURE, defined=False, leaving=Leaving.YES, ending=Ending.STOPPED), Fact.LEFT),
        (instance(Phase.UNSURE, defined=True, leaving=Leaving.YES), Fact.LEFT),
        (instance(Phase.UNSURE, defined=False, ending=Ending.ENDED), Fact.LEFT),
        (instance(Phase.UNSURE, defined=False, ending=Ending.ENDED, held=NOW), Fact.DIED),
        (instance(Phase.UNSURE, defined=True, ending=Ending.ENDED, held=NOW), None),
        (instance(Phase.UNSURE, ending=Ending.ENDED, held=NOW), None),
        (instance(Phase.UNSURE, defined=False, ending=Ending.ENDED, leaving=Leaving.YES, held=NOW), None),
        (instance(Phase.UNSURE, defined=False, ending=Ending.ENDED, leaving=Leaving.MAYBE, held=NOW), None),
        (instance(Phase.UNSURE, defined=False, ending=Ending.ENDED, boot=Boot.EARLIER, held=NOW), None),
        (instance(Phase.REMOVED, reported=NOW, defined=False), Fact.LEFT),
        (instance(Phase.UNSURE, defined=False, held=NOW), None),
        (instance(Phase.UNSURE, defined=False, held=NOW - 86400.0), Fact.LEFT),
        (instance(Phase.ARRIVING, defined=False, hearing=MISSED), Fact.LEFT),
        # in this life it is counted by a clock that nobody sets
        (instance(Phase.FAILED, reported=NOW - 86400.0, noted_at=NOW, defined=False), None),
        (instance(Phase.UNSURE, held=NOW, noted_at=NOW - 86400.0, defined=False), Fact.LEFT),
    ],
)
def test_one_that_is_not_listed_any_more(known: Instance, fact: Fact | None) -> None:
    now = Instant(NOW, datetime.datetime.fromtimestamp(NOW, datetime.UTC))
    seen = of_absence(known, now=now, expiry=86400.0)
    assert (seen.fact if seen else None) is fact

"""Why a guest is reported, or why not: where it stands and what stands between its silence and masakari."""

import json
from collections import Counter
from dataclasses import replace

from masakarimonitors.core.explained import Explained, Passage, Standing
from masakarimonitors.introspectiveinstancemonitor.core.explained import (
    _PHASES,
    _WORST,
    GateName,
    count,
    explain,
)
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import Availability, Unwatched
from tests.fixtures.guest_play import A, Play


def told(play: Play) -> Explained:
    found = explain(play.state, play.policy, f"vm:{A}", play.now)
    assert found is not None
    json.dumps(found.as_json())
    assert count(play.state, play.now)[found.standing] >= 1
    return found


def holds(explained: Explained) -> list[str]:
    return [one.name for one in explained.gates if one.passage is Passage.HOLDS]


def test_every_phase_has_words_and_a_place() -> None:
    assert _PHASES.keys() == set(Phase) == set(_WORST)


def test_one_that_answers_is_well_and_one_that_never_did_is_not_judged() -> None:
    play = Play().seen()
    assert (told(play).standing, holds(told(play))) == (Standing.UNWATCHED, [GateName.AWAITED.value])
    assert told(play.answers()).standing is Standing.WELL
    assert explain(play.state, play.policy, "vm:other", play.now) is None
    assert explain(play.state, play.policy, A, play.now) is None


def test_each_that_is_listed_counts_once_watched_or_not() -> None:
    play = Play().seen().answers()
    assert +Counter(count(play.state, play.now)) == {Standing.WELL: 1}
    no_agent = Unwatched(uuid="b", name="b", why="it has no agent")
    # Listed twice by two libvirts, as during a migration; and one whose list says nothing of it.
    state = replace(
        play.state, unwatched={"one": (no_agent,), "two": (no_agent,)}, unread={"one": {A: 1, "c": 1}}
    )
    assert count(state, play.now) == {Standing.WELL: 1, Standing.UNWATCHED: 1, Standing.UNSEEN: 1}


def test_misses_that_are_not_enough_yet_say_how_many() -> None:
    found = told(Play().seen().answers().after(10.0).misses())
    assert (found.standing, holds(found)) == (Standing.SUSPECTED, [GateName.MISSED.value])
    (missed,) = [one for one in found.gates if one.passage is Passage.HOLDS]
    assert missed.why == "1 of 3 in a row"


def test_one_that_is_paused_is_not_judged() -> None:
    found = told(Play().seen().answers().seen(availability=Availability.PAUSED))
    assert (found.standing, holds(found)) == (Standing.UNWATCHED, [GateName.JUDGED.value])


def test_one_whose_counters_move_is_held_for_that_and_a_dead_one_is_told() -> None:
    play = Play().seen().answers()
    for number in range(1, 5):
        play.after(10.0).misses().reads(cpu=number * 10**9, ran=number * 10**9, requests=number * 1000)
    found = told(play)
    assert (found.standing, holds(found)) == (Standing.HELD, [GateName.DEAD.value])
    assert "counters move" in found.why
    found = told(Play().seen().answers().goes_silent())
    assert (found.standing, holds(found)) == (Standing.WAITING, [])
    assert told(Play().seen().answers().goes_silent().settled()).standing is Standing.TOLD


def test_one_whose_report_masakari_did_not_take_is_held() -> None:
    found = told(Play().seen().answers().goes_silent().settled(delivered=False))
    assert found.standing is Standing.HELD and "has not taken" in found.why

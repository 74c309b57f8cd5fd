"""Silence step by step: what an answer, a miss and a reading of the counters make of one guest."""

import datetime
from dataclasses import replace
from types import MappingProxyType

import pytest

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, WakeAt
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Answered,
    Availability,
    Counters,
    Inconclusive,
    Missed,
    NotKnown,
    ReadCounters,
)
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import (
    QUIET,
    Investigation,
    Stage,
)
from masakarimonitors.introspectiveinstancemonitor.core.silence import (
    EXTRA_MISSES,
    GIVEN_UP,
    LOOKS_EVERY,
    clear_misses,
    count_miss,
    judge_counters,
    judge_unread,
    look_at_closed,
    note_unasked,
    read_counters,
)
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Hold, Policy, Probe

NOW = Instant(1000.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC))
POLICY = Policy(hostname="compute-1", failures=MappingProxyType({"web": 2}))
SECOND = 1_000_000_000


def guest(phase: Phase = Phase.HEALTHY, misses: int = 0, **changes: object) -> Guest:
    return with_probe(
        Guest(uuid="u", name="instance-1", run="run-1", where="qemu:///system"),
        HEARTBEAT,
        Probe(phase=phase, misses=misses),
        **changes,
    )


def with_probe(one: Guest, name: str, probe: Probe, **changes: object) -> Guest:
    return replace(one, probes=MappingProxyType({**one.probes, name: probe}), **changes)  # type: ignore[arg-type]


def answered(probe: str = HEARTBEAT) -> Answered:
    return Answered(uuid="u", run="run-1", probe=probe, took=1.25, evidence="pong")


def missed(probe: str = HEARTBEAT, request: int = 1, *, final: bool = True) -> Missed:
    return Missed(uuid="u", run="run-1", probe=probe, in_reply_to=request, evidence="no answer", final=final)


def reading(
    at: float = NOW.monotonic, *, cpu: float = 0, requests: int | None = 0, **more: object
) -> Counters:
    whole = {"availability": Availability.RUNNING, **more}
    return Counters(uuid="u", run="run-1", at=at, cpu=int(cpu * SECOND), requests=requests, **whole)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phase", "rulings"),
    [
        (Phase.DISCOVERY, []),
        (Phase.HEALTHY, []),
        (Phase.ERROR, [Ruling.RECOVERED]),
        (Phase.REPORTED, [Ruling.RECOVERED]),
    ],
)
def test_one_answer_clears_every_miss(phase: Phase, rulings: list[Ruling]) -> None:
    after, decision = clear_misses(guest(phase, 2), answered())
    assert after.heartbeat == Probe(phase=Phase.HEALTHY)
    assert [verdict.ruling for verdict in decision.verdicts] == rulings
    assert decision.commands == ()


def looked(stage: Stage = Stage.SECOND, before: Counters | None = None, **changes: object) -> Investigation:
    return Investigation(stage=stage, before=before or reading(990.0), **changes)  # type: ignore[arg-type]


def test_an_answer_calls_the_next_reading_off() -> None:
    silent = guest(Phase.ERROR, 2, investigation=looked(Stage.ALIVE, moved_at=990.0))
    after, decision = clear_misses(silent, answered())
    assert after.investigation == Investigation()
    assert decision.commands == (WakeAt("counters:u", None),)
    kept, decision = clear_misses(silent, answered("web"))
    assert (kept.investigation, decision.commands) == (silent.investigation, ())


@pytest.mark.parametrize(
    ("phase", "words"), [(Phase.ERROR, "it missed 2 before"), (Phase.REPORTED, "it was reported before")]
)
def test_a_recovery_says_how_late_and_from_what(phase: Phase, words: str) -> None:
    _, decision = clear_misses(guest(phase, 2), answered())
    (verdict,) = decision.verdicts
    assert verdict.why == f"instance-1: heartbeat answers again after 1.2 s; {words}"
    assert verdict.evidence == "pong"


def test_a_time_that_is_up_begins_the_look_and_counts_nothing() -> None:
    after, decision = count_miss(guest(), missed(final=False), NOW, POLICY)
    assert after.heartbeat == Probe(phase=Phase.HEALTHY, open_miss=1)
    assert after.investigation == Investigation(stage=Stage.FIRST)
    assert decision == Decision((read_counters(after, POLICY),))
    again, decision = count_miss(after, missed(request=2, final=False), NOW, POLICY)
    assert (again.heartbeat.open_miss, decision) == (2, NOTHING), "one look is under way"


def test_a_first_miss_is_a_suspicion_and_asks_for_the_counters() -> None:
    after, decision = count_miss(guest(), missed(), NOW, POLICY)
    assert after.heartbeat == Probe(
        phase=Phase.ERROR, misses=1, missed=True, silent_since=1000.0, evidence="no answer"
    )
    (verdict,) = decision.verdicts
    assert verdict.why == "instance-1: heartbeat was missed (1 of 3)"
    assert (verdict.ruling, verdict.evidence, verdict.alarm) == (Ruling.SUSPECTED, "no answer", False)
    assert decision.commands == (read_counters(after, POLICY),)


def test_further_misses_are_counted_without_a_word_and_nobody_is_accused_before_the_reading() -> None:
    after, decision = count_miss(guest(Phase.ERROR, 8), missed(), NOW, POLICY)
    assert (after.heartbeat.misses, after.heartbeat.phase) == (9, Phase.ERROR)
    assert decision.verdicts == ()
    assert [type(command) for command in decision.commands] == [ReadCounters]


def test_the_same_request_is_counted_once_at_its_end() -> None:
    once, _ = count_miss(guest(), missed(request=5, final=False), NOW, POLICY)
    again, _ = count_miss(once, missed(request=5), NOW, POLICY)
    assert (again.heartbeat.misses, again.heartbeat.open_miss) == (1, None)


@pytest.mark.parametrize(("phase", "since"), [(Phase.DISCOVERY, NOW.monotonic), (Phase.REPORTED, None)])
def test_silence_of_one_that_never_answered_or_is_reported_is_only_evidence(
    phase: Phase, since: float | None
) -> None:
    after, decision = count_miss(guest(phase), missed(), NOW, POLICY)
    assert after.heartbeat == Probe(phase=phase, missed=True, evidence="no answer", unusable_since=since)
    assert decision == NOTHING


@pytest.mark.parametrize(
    ("availability", "probe", "asks"),
    [
        (Availability.PAUSED, HEARTBEAT, True),
        (Availability.BUSY, HEARTBEAT, True),
        (Availability.AGENT_CLOSED, HEARTBEAT, False),
        (Availability.BUSY, "web", True),
        (Availability.AGENT_CLOSED, "web", False),
    ],
)
def test_a_miss_of_an_excused_guest_asks_at_most_whether_the_excuse_still_holds(
    availability: Availability, probe: str, asks: bool
) -> None:
    excused = guest(availability=availability)
    after, decision = count_miss(excused, missed(probe), NOW, POLICY)
    assert (after.heartbeat.phase, after.heartbeat.misses) == (Phase.HEALTHY, 0)
    # How long it has been silent under a job is noted; for how long it may be, is played elsewhere.
    noted = availability is Availability.BUSY and probe == HEARTBEAT
    assert after.heartbeat.unusable_since == (NOW.monotonic if noted else None)
    assert bool(decision.commands) is asks and decision.verdicts == ()


def test_a_check_asks_for_a_reading_at_its_first_failure_and_at_its_limit() -> None:
    one = with_probe(guest(), "web", Probe(phase=Phase.HEALTHY))
    policy = replace(POLICY, failures={"web": 3})
    asked = []
    for request in range(1, 4):
        one, decision = count_miss(one, missed("web", request), NOW, policy)
        asked.append([type(command) for command in decision.commands])
    assert asked == [[ReadCounters], [], [ReadCounters]]
    assert one.probes["web"].phase is Phase.ERROR


def test_a_check_at_its_limit_is_accused_by_a_reading_that_finds_its_guest_running() -> None:
    failed = Probe(phase=Phase.ERROR, misses=2, due_since=NOW.monotonic)
    one = with_probe(guest(), "web", failed)
    after, _ = judge_counters(one, reading(cpu=9, requests=9), NOW, POLICY)
    assert (after.probes["web"].phase, after.probes["web"].charge) == (
        Phase.ACCUSED,
        "failed 2 times in a row",
    )
    moved, _ = judge_counters(one, reading(availability=Availability.BUSY), NOW, POLICY)
    assert (moved.probes["web"].phase, moved.probes["web"].misses) == (Phase.ERROR, 0)
    unread, decision = judge_unread(one, NotKnown("u", "run-1", "refused"), NOW, POLICY)
    assert unread.probes["web"].hold is Hold.UNKNOWN
    assert [verdict.ruling for verdict in decision.verdicts] == [Ruling.BLIND]


def inconclusive(request: int, probe: str = HEARTBEAT) -> Inconclusive:
    return Inconclusive(uuid="u", run="run-1", probe=probe, in_reply_to=request, why="not asked")


@pytest.mark.parametrize(("request_id", "still_open"), [(5, None), (6, 5)])
def test_a_question_that_was_not_put_is_no_miss(request_id: int, still_open: int | None) -> None:
    one = with_probe(guest(), HEARTBEAT, Probe(phase=Phase.ERROR, misses=2, open_miss=5))
    after, decision = note_unasked(one, inconclusive(request_id), NOW, POLICY)
    assert (after.heartbeat.misses, after.heartbeat.evidence) == (2, "not asked")
    assert (after.heartbeat.open_miss, after.heartbeat.unusable_since) == (still_open, NOW.monotonic)
    assert decision == NOTHING


def test_a_question_that_is_not_put_shortens_no_patience_with_one_that_has_never_answered() -> None:
    one = guest(Phase.DISCOVERY)
    for second in range(0, 600, 20):
        now = replace(NOW, monotonic=NOW.monotonic + second)
        one, decision = (
            note_unasked(one, inconclusive(1), now, POLICY)
            if second == 140
            else (count_miss(one, missed(), now, POLICY))
        )
        assert (one.heartbeat.phase, decision.verdicts) == (Phase.DISCOVERY, ())
    now = replace(NOW, monotonic=NOW.monotonic + 600)
    one, decision = note_unasked(one, inconclusive(1), now, POLICY)
    assert [verdict.ruling for verdict in decision.verdicts] == [Ruling.BLIND]


def test_the_evidence_of_a_reported_guest_stays() -> None:
    one = with_probe(guest(), HEARTBEAT, Probe(phase=Phase.REPORTED, evidence="no answer"))
    after, _ = note_unasked(one, inconclusive(5), NOW, POLICY)
    assert after.heartbeat.evidence == "no answer"


@pytest.mark.parametrize(
    ("phase", "then", "asks"),
    [
        (Phase.DISCOVERY, Phase.UNUSABLE, False),
        (Phase.HEALTHY, Phase.UNKNOWN, True),
        (Phase.ERROR, Phase.UNKNOWN, True),
    ],
)
def test_no_usable_answer_for_long_is_an_alarm_that_is_said_once(
    phase: Phase, then: Phase, asks: bool
) -> None:
    one = with_probe(
        guest(), HEARTBEAT, Probe(phase=phase, misses=1, unusable_since=NOW.monotonic - QUIET + 1)
    )
    same, decision = note_unasked(one, inconclusive(5), NOW, POLICY)
    assert (same.heartbeat.phase, decision) == (phase, NOTHING)
    later = Instant(NOW.monotonic + 1, NOW.wall)
    after, decision = note_unasked(one, inconclusive(5), later, POLICY)
    assert (after.heartbeat.phase, after.heartbeat.misses) == (then, 0)
    assert [(verdict.ruling, verdict.alarm) for verdict in decision.verdicts] == [(Ruling.BLIND, True)]
    assert bool(decision.commands) is asks
    _, decision = note_unasked(after, inconclusive(6), later, POLICY)
    assert decision.verdicts == ()


def test_a_check_that_cannot_be_made_for_long_is_unknown_but_one_that_never_passed_is_only_shown() -> None:
    for phase, then in ((Phase.HEALTHY, Phase.UNKNOWN), (Phase.DISCOVERY, Phase.DISCOVERY)):
        one = with_probe(guest(), "web", Probe(phase=phase, unusable_since=NOW.monotonic - QUIET))
        after, decision = note_unasked(one, inconclusive(5, "web"), NOW, POLICY)
        assert after.probes["web"].phase is then
        assert decision.commands == (), "the guest lives: nothing is to be looked at from outside"


def unknown(*, availability: Availability = Availability.RUNNING, stage: Stage, dead_for: float) -> Guest:
    since = NOW.monotonic - dead_for
    frozen_since = since if stage is Stage.FROZEN else None
    look = looked(stage, reading(NOW.monotonic - 30, cpu=1), dead_since=since, frozen_since=frozen_since)
    probe = Probe(phase=Phase.UNKNOWN, unusable_since=NOW.monotonic - dead_for - QUIET)
    return with_probe(guest(), HEARTBEAT, probe, availability=availability, investigation=look)


@pytest.mark.parametrize(
    ("availability", "stage", "cpu", "dead_for", "then"),
    [
        # A file system that stays frozen, or an agent in error.
        (Availability.RUNNING, Stage.STILL, 1.5, GIVEN_UP, Phase.ACCUSED),
        (Availability.RUNNING, Stage.STILL, 1.5, GIVEN_UP - 1, Phase.UNKNOWN),
        (Availability.RUNNING, Stage.FROZEN, 1.5, GIVEN_UP, Phase.ACCUSED),
        # An agent that was stopped, in a guest that merely idles; and one whose QEMU stands still for all the time.
        (Availability.AGENT_CLOSED, Stage.STILL, 1.5, GIVEN_UP, Phase.UNKNOWN),
        (Availability.AGENT_CLOSED, Stage.STILL, 1, GIVEN_UP, Phase.UNKNOWN),
        (Availability.AGENT_CLOSED, Stage.FROZEN, 1.5, GIVEN_UP, Phase.UNKNOWN),
        (Availability.AGENT_CLOSED, Stage.FROZEN, 1, GIVEN_UP - 1, Phase.UNKNOWN),
        (Availability.AGENT_CLOSED, Stage.FROZEN, 1, GIVEN_UP, Phase.ACCUSED),
    ],
)
def test_who_cannot_be_asked_is_accused_when_it_has_looked_dead_for_long(
    availability: Availability, stage: Stage, cpu: float, dead_for: float, then: Phase
) -> None:
    one = unknown(availability=availability, stage=stage, dead_for=dead_for)
    after, _ = judge_counters(one, reading(cpu=cpu), NOW, POLICY)
    assert after.heartbeat.phase is then


def test_one_that_moves_once_is_given_the_whole_time_again() -> None:
    one = unknown(stage=Stage.STILL, dead_for=GIVEN_UP + 1)
    after, _ = judge_counters(one, reading(cpu=9, requests=5), NOW, POLICY)
    assert (after.heartbeat.phase, after.investigation.dead_since) == (Phase.UNKNOWN, None)


def test_a_closed_channel_is_looked_at_for_as_long_as_it_stays_closed() -> None:
    one = with_probe(guest(), HEARTBEAT, Probe(phase=Phase.HEALTHY, unusable_since=NOW.monotonic - QUIET))
    assert look_at_closed(one, NOW, POLICY) == (one, NOTHING), "it is back"
    one = replace(one, availability=Availability.AGENT_CLOSED)
    after, decision = look_at_closed(one, NOW, POLICY)
    assert after.heartbeat.phase is Phase.UNKNOWN
    assert decision.commands == (
        read_counters(after, POLICY),
        WakeAt("closed:u", NOW.monotonic + LOOKS_EVERY),
    )


def test_the_reading_that_is_asked_for_names_the_last_one() -> None:
    asked = read_counters(guest(investigation=looked(before=reading(cpu=2))), POLICY)
    assert asked == ReadCounters(
        uuid="u", run="run-1", blocks=True, cpu_before=2 * SECOND, where="qemu:///system"
    )
    assert read_counters(guest(), replace(POLICY, io_check=False)) == ReadCounters(
        uuid="u", run="run-1", blocks=False, where="qemu:///system"
    )


def test_a_reading_of_a_guest_that_answers_changes_nothing() -> None:
    assert judge_counters(guest(), reading(), NOW, POLICY) == (guest(), NOTHING)


def test_a_reading_tells_an_excuse_that_no_event_told() -> None:
    after, decision = judge_counters(
        guest(Phase.ERROR, 3), reading(availability=Availability.PAUSED), NOW, POLICY
    )
    assert (after.availability, after.heartbeat.misses) == (Availability.PAUSED, 0)
    assert [verdict.ruling for verdict in decision.verdicts] == [Ruling.PLANNED]


def test_a_reading_does_not_open_a_channel_that_is_closed() -> None:
    closed = guest(availability=Availability.AGENT_CLOSED)
    assert judge_counters(closed, reading(), NOW, POLICY) == (closed, NOTHING)


def test_before_the_limit_a_reading_only_serves_the_next() -> None:
    after, decision = judge_counters(guest(Phase.ERROR, 2), reading(), NOW, POLICY)
    assert (after.investigation.before, decision) == (reading(), NOTHING)


def test_with_nothing_to_compare_it_is_read_again_a_little_later() -> None:
    after, decision = judge_counters(guest(Phase.ERROR, 3), reading(), NOW, POLICY)
    assert after.investigation.before == reading()
    (wake,) = decision.commands
    assert isinstance(wake, WakeAt) and wake.key == "counters:u"
    assert wake.at is not None and 0 < wake.at - NOW.monotonic < 10
    assert decision.verdicts == ()


def test_a_still_guest_is_accused_with_what_was_seen() -> None:
    silent = guest(Phase.ERROR, 3, investigation=looked())
    after, decision = judge_counters(silent, reading(), NOW, POLICY)
    assert after.heartbeat.phase is Phase.ACCUSED
    assert after.heartbeat.charge.startswith("did not answer 3 pings in a row; QEMU used no")
    assert decision == NOTHING, "what becomes of it is not decided here"


def test_nobody_is_accused_before_the_last_call_has_ended_or_on_a_reading_from_before() -> None:
    silent = guest(Phase.ERROR, 3, investigation=looked())
    under_way = replace(silent.heartbeat, open_miss=9)
    later = replace(silent.heartbeat, due_since=NOW.monotonic + 1)
    for probe in (under_way, later):
        after, decision = judge_counters(with_probe(silent, HEARTBEAT, probe), reading(), NOW, POLICY)
        assert (after.heartbeat, decision) == (probe, NOTHING)


def test_an_accused_guest_that_moves_is_acquitted() -> None:
    accused = with_probe(
        guest(), HEARTBEAT, Probe(phase=Phase.ACCUSED, misses=3, charge="c"), investigation=looked()
    )
    after, decision = judge_counters(accused, reading(cpu=5, requests=9), NOW, POLICY)
    assert (after.heartbeat.phase, after.heartbeat.hold) == (Phase.ERROR, Hold.AT_WORK)
    assert [verdict.ruling for verdict in decision.verdicts] == [Ruling.HELD]
    after, _ = judge_unread(accused, NotKnown("u", "run-1", "refused"), NOW, POLICY)
    assert (after.heartbeat.phase, after.heartbeat.hold) == (Phase.ERROR, Hold.UNKNOWN)


def test_a_guest_at_work_is_held_once_and_for_as_long_as_it_moved_lately() -> None:
    silent = guest(Phase.ERROR, 3, investigation=looked())
    held, decision = judge_counters(silent, reading(cpu=5, requests=9), NOW, POLICY)
    assert (held.heartbeat.hold, held.investigation.moved_at) == (Hold.AT_WORK, NOW.monotonic)
    assert [verdict.ruling for verdict in decision.verdicts] == [Ruling.HELD]
    soon = Instant(NOW.monotonic + QUIET - 1, NOW.wall)
    still, decision = judge_counters(held, reading(soon.monotonic, cpu=5, requests=9), soon, POLICY)
    assert (still.heartbeat.hold, decision) == (Hold.AT_WORK, NOTHING)
    later = Instant(NOW.monotonic + QUIET + 10, NOW.wall)
    after, decision = judge_counters(still, reading(later.monotonic, cpu=5, requests=9), later, POLICY)
    assert after.heartbeat.phase is Phase.ACCUSED


def test_counters_that_cannot_be_read_delay_a_report_by_so_many_misses() -> None:
    before, now = reading(990.0, cpu=1, requests=None), reading(cpu=2, requests=None, unread="no counters")
    for misses, phase in ((3 + EXTRA_MISSES - 1, Phase.ERROR), (3 + EXTRA_MISSES, Phase.ACCUSED)):
        after, _ = judge_counters(
            guest(Phase.ERROR, misses, investigation=looked(before=before)), now, NOW, POLICY
        )
        assert after.heartbeat.phase is phase


def test_without_io_check_the_limit_alone_counts() -> None:
    after, _ = judge_counters(guest(Phase.ERROR, 3), reading(), NOW, replace(POLICY, io_check=False))
    assert after.heartbeat.phase is Phase.ACCUSED


@pytest.mark.parametrize(
    ("phase", "misses", "rulings"),
    [(Phase.ERROR, 2, []), (Phase.HEALTHY, 0, []), (Phase.REPORTED, 3, []), (Phase.ERROR, 3, [Ruling.BLIND])],
)
def test_without_a_reading_nobody_is_accused(phase: Phase, misses: int, rulings: list[Ruling]) -> None:
    after, decision = judge_unread(guest(phase, misses), NotKnown("u", "run-1", "refused"), NOW, POLICY)
    assert after.heartbeat.phase is phase and decision.commands == ()
    assert [verdict.ruling for verdict in decision.verdicts] == rulings
    assert [verdict.evidence for verdict in decision.verdicts] == ["refused"] * len(rulings)

"""The pure core with everything around it, as far as a minute goes; `make explore` goes further.

That nothing is found means something only because a broken core is found out: the second half breaks it.
"""

import datetime
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.silences import book
from masakarimonitors.core.silences.book import Book, Kept
from masakarimonitors.core.silences.silence import Silence
from masakarimonitors.hostmonitor.core import ingest
from masakarimonitors.hostmonitor.core.fleet.news import News
from masakarimonitors.hostmonitor.core.judging import afterwards, judge
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import (
    Answered,
    Follower,
    Leader,
    LifeSeen,
    Observation,
    Outcome,
    Power,
    PowerSeen,
    ProofKind,
    View,
)
from masakarimonitors.hostmonitor.core.outages import aftermath
from masakarimonitors.hostmonitor.core.outages.aftermath import News as Late
from masakarimonitors.hostmonitor.core.outages.aftermath import Owed
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Outage, Release
from masakarimonitors.hostmonitor.core.state import Policy, State
from tests.explore.model import Fault, Mind, Model, Rules, sound
from tests.explore.moves import (
    ENGINE,
    EVERYTHING,
    LIVES,
    LIVES_AND_PROOF,
    ONE_MONITOR,
    ONE_TURN,
    PROOF,
    PROOF_AND_ELECTION,
    REPORTED,
    SILENCED,
    STORM,
    THREE_MONITORS,
    TWINS,
    check,
    first,
    moves,
    played,
)
from tests.explore.search import Account, Limits, Search

NOTE_LIFE, ON_LINK, TAKE_LIFE = judge._note_life, ingest._on_link, ingest._take_life
NEW = book._new
LOST = ("a is down on storage", REPORTED)
"""Moves: a host of two links is lost, and its report waits."""
LOST_HERE = ("a is down on cluster", REPORTED)
TOLD_HERE = (*LOST_HERE, "NORMAL of a by m0 is offered and answered")
"""Moves: it is told."""
BACK = (*TOLD_HERE, "a is up on cluster")
"""Moves: it is told, and back."""
TOLD_TWICE = (
    *(*LOST, "NORMAL of a by m0 is offered", "a is up on storage", "a is down on storage"),
    *("400 s pass", "the answer to NORMAL of a by m0 arrives"),
)
"""Moves: it has failed again before it was heard what masakari says to its first report, and a second one waits."""
UNPROVEN = ("masakari is down", "a is down on cluster", REPORTED)
"""Moves: it is told as UNKNOWN, and masakari is away."""
ALIVE = ("masakari is down", "a is down on storage")
"""Moves: a host that lives has lost its storage, and masakari is away."""
LET_GO = ("masakari is down", *(f"{host} is down on storage" for host in "abc"), "400 s pass")
"""Moves: a storm has let three hosts go, because they live."""
FENCED = ("a is down on cluster", "a is fenced", REPORTED)


SEARCHES: tuple[tuple[Rules, tuple[str, ...], int, int], ...] = (
    (ONE_MONITOR, (), 550, 4_800),
    (ONE_MONITOR, LOST, 160, 5_000),
    (ONE_MONITOR, (*LOST, "NORMAL of a by m0 is offered"), 200, 7_000),
    (THREE_MONITORS, (), 300, 4_900),
    (THREE_MONITORS, ("masakari is down", *LOST_HERE), 20, 2_800),
    (THREE_MONITORS, ("masakari is down", "nobody can be elected", *LOST_HERE), 15, 2_900),
    (TWINS, ("nobody can be elected", *LOST_HERE), 150, 7_600),
    (PROOF, (), 500, 5_700),
    (PROOF, FENCED, 480, 5_400),
    (PROOF, UNPROVEN, 110, 2_500),
    (PROOF_AND_ELECTION, (), 450, 6_600),
    (PROOF_AND_ELECTION, FENCED, 300, 5_000),
    (PROOF_AND_ELECTION, ("nobody can be elected", "400 s pass", *FENCED), 200, 4_700),
    (LIVES, (), 100, 600),
    (LIVES, ALIVE, 100, 3_600),
    (LIVES_AND_PROOF, ALIVE, 100, 1_300),
    # A storm is counted in steps of ten seconds, each of them a decision.
    (STORM, LET_GO, 16, 4_000),
    (SILENCED, (), 120, 1_300),
    (SILENCED, ("a is silenced", "a is down on cluster"), 100, 3_200),
    (SILENCED, ("masakari is down", *LOST_HERE, "a is silenced"), 30, 2_500),
    (EVERYTHING, (), 100, 2_300),
    (THREE_MONITORS, BACK, 80, 2_300),
    (ENGINE, ("masakari's engine is away", *BACK), 100, 2_700),
)
"""Who plays, after which moves, how many states are looked at, and how many decisions that may cost: a state that is
left alone for most of an hour costs anything from none, where one like it was, to 500 of them."""
ALL_OF_ONE_TURN = 12_000
MOST_DECISIONS = 105_500
"""With the elections (test_election.py) and the broken cores this is less than a minute of one core, at 0.3 ms each."""


def explore(begin: Model, states: int) -> Account:
    return Search(begin, moves, Model.key, check).run(Limits(states=states))


def named(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return getattr(value, "__name__", "") or getattr(value, "name", "")


@pytest.mark.parametrize(("rules", "begin", "states", "decisions"), SEARCHES, ids=named)
def test_nothing_that_never_may_is_found(
    rules: Rules, begin: tuple[str, ...], states: int, decisions: int
) -> None:
    model = played(first(rules), *begin)
    account = explore(model, states)
    print(f"{rules.name}: {account}, {model.decisions[0]} decisions")
    assert not account.violation, str(account)
    assert account.states >= states or account.complete
    assert model.decisions[0] <= decisions


def test_every_story_of_one_turn_of_everybody_is_looked_at() -> None:
    """Three monitors, two hosts on two links, everything but proof: to the end, and not only the first of them."""
    model = first(ONE_TURN)
    account = Search(model, moves, Model.key, check).run(Limits())
    print(f"{ONE_TURN.name}: {account}, {model.decisions[0]} decisions")
    assert account.complete, str(account)
    assert model.decisions[0] <= ALL_OF_ONE_TURN


def test_who_was_restarted_while_a_host_failed_does_not_have_it_told_twice() -> None:
    """Nor when masakari gets what all of them have told only minutes later."""
    model = played(first(TWINS), "nobody can be elected", *LOST_HERE)
    model.wait(2.0)
    check(played(model, "m1 restarts", "400 s pass"))


def test_a_moment_is_let_be_only_once() -> None:
    """And what is found to go round for ever is not followed to its end."""
    model = played(first(THREE_MONITORS), "masakari is down", *LOST_HERE)
    begun = model.decisions[0]
    check(model)
    once = model.decisions[0] - begun
    assert once < 150, once
    check(model)
    assert model.decisions[0] - begun - once < once / 2


def test_all_of_it_keeps_to_its_budget() -> None:
    searched = sum(decisions for *_, decisions in SEARCHES)
    assert searched + ALL_OF_ONE_TURN <= MOST_DECISIONS


def refused_is_delivered(mind: Mind, observation: Observation) -> Observation:
    if isinstance(observation, Answered) and observation.outcome is Outcome.REFUSED:
        return replace(observation, outcome=Outcome.ACCEPTED)
    return observation


def expired_is_delivered(mind: Mind, observation: Observation) -> Observation:
    if isinstance(observation, Answered) and observation.outcome is Outcome.EXPIRED:
        return replace(observation, outcome=Outcome.ACCEPTED)
    return observation


def any_answer_is_the_last_reports(mind: Mind, observation: Observation) -> Observation:
    if isinstance(observation, Answered):
        for row in reversed(mind.rows):
            if row.host == observation.host:
                return replace(observation, made_at=row.made, host_status=row.status)
    return observation


def ledgers_are_empty(mind: Mind, observation: Observation) -> Observation:
    return replace(observation, ledger={}) if isinstance(observation, Leader | Follower) else observation


def leases_never_lapse(mind: Mind, observation: Observation) -> Observation:
    return replace(observation, good_for=1e9) if isinstance(observation, Leader | View) else observation


def anything_is_proof(mind: Mind, observation: Observation) -> Observation:
    if isinstance(observation, PowerSeen):
        return replace(observation, power=Power.OFF, kind=ProofKind.BMC)
    return observation


def proof_never_ages(mind: Mind, observation: Observation) -> Observation:
    if isinstance(observation, PowerSeen):
        at = observation.at
        later = Instant(at.monotonic + 9999.0, at.wall + datetime.timedelta(seconds=9999.0))
        return replace(observation, at=later)
    return observation


@pytest.mark.parametrize(
    ("rules", "begin", "fault"),
    [
        (ONE_MONITOR, LOST, refused_is_delivered),
        (ONE_MONITOR, LOST, expired_is_delivered),
        (ONE_MONITOR, (), leases_never_lapse),
        (ONE_MONITOR, TOLD_TWICE, any_answer_is_the_last_reports),
        (THREE_MONITORS, LOST_HERE, ledgers_are_empty),
        (THREE_MONITORS, (*LOST_HERE, "a is up on cluster", "400 s pass"), leases_never_lapse),
        (PROOF, FENCED, expired_is_delivered),
        (PROOF_AND_ELECTION, ("a is down on cluster", "400 s pass"), anything_is_proof),
        (PROOF_AND_ELECTION, ("masakari is down", *FENCED, "400 s pass"), proof_never_ages),
        (PROOF_AND_ELECTION, ("nobody can be elected", "400 s pass", *FENCED), expired_is_delivered),
        (replace(TWINS, stagger=0.0), ("nobody can be elected", "a is down on cluster"), sound),
    ],
    ids=named,
)
def test_a_core_that_is_broken_is_found_out(rules: Rules, begin: tuple[str, ...], fault: Fault) -> None:
    account = explore(played(first(rules, fault), *begin), 4000)
    print(account)
    assert account.violation, str(account)
    assert account.trace


def test_a_fall_that_is_not_noted_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that lived for long would be accused seconds after its last link fell."""
    monkeypatch.setattr(judge, "_note_life", lambda court, judgement, values: judgement)
    monkeypatch.setattr(ingest, "_on_link", lambda *news: replace(ON_LINK(*news), outage=news[0].outage))
    monkeypatch.setattr(ingest, "_take_life", _settle_nothing_anew)
    account = explore(played(first(LIVES), *ALIVE, "400 s pass"), 400)
    assert "after its last link fell" in str(account.violation), str(account)


def _settle_nothing_anew(policy: Policy, state: State, seen: LifeSeen, now: Instant) -> News:
    """Of a host that answers no more, either."""
    news, before = TAKE_LIFE(policy, state, seen, now), state.hosts.get(seen.host)
    if before is None or before.outage is None or not news.hosts:
        return news
    outage = replace(before.outage, questions=before.outage.questions.life_answered(seen))
    return replace(news, hosts={seen.host: replace(before, outage=outage)})


def test_a_release_that_outlives_the_life_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the cloud would be told without proof."""
    monkeypatch.setattr(Outage, "let_go", lambda outage, seen_up: outage.release is not Release.NONE)
    monkeypatch.setattr(judge, "_note_life", _only_settle)
    account = explore(played(first(STORM), *LET_GO), 1000)
    assert "fails together with all others" in str(account.violation), str(account)


def _only_settle(court: Court, judgement: Judgement, values: judge.Values) -> Judgement:
    after = NOTE_LIFE(court, judgement, values)
    return after.in_outage(release=judgement.outage.release)


def test_a_return_that_a_person_is_not_told_of_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """masakari keeps out of service what it was told of, until a person puts it back."""
    monkeypatch.setattr(afterwards, "over", lambda court, judgement, outage, acts: judgement)
    account = explore(played(first(THREE_MONITORS), *TOLD_HERE), 400)
    assert "nobody is told to look" in str(account.violation), str(account)


def test_an_alarm_that_its_engines_absence_ends_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It will put the host out of service when it is back."""
    monkeypatch.setattr(aftermath, "TABLE", {**aftermath.TABLE, (Owed.TAKEN, Late.IN_SERVICE): Owed.NOTHING})
    account = explore(played(first(ENGINE), "masakari's engine is away", *TOLD_HERE), 400)
    assert "nobody is told to look" in str(account.violation), str(account)


def test_an_alarm_that_nothing_ends_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag that was set and lifted between two readings was seen by nobody."""
    monkeypatch.setattr(aftermath, "TABLE", {**aftermath.TABLE, (Owed.TAKEN, Late.ENDED): Owed.TAKEN})
    account = explore(played(first(ENGINE), *TOLD_HERE), 400)
    assert "is told to do it for ever" in str(account.violation), str(account)


def test_a_silence_that_nobody_heeds_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Book, "over", lambda known, subject, now, domain=None: None)
    account = explore(first(SILENCED), 150)
    assert "which is silenced" in str(account.violation), str(account)


def test_a_silence_that_does_not_end_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(silence: Silence, longest: float, now: Instant) -> Kept:
        end = Instant(now.monotonic + 1e6, now.wall + datetime.timedelta(seconds=1e6))
        return replace(NEW(silence, longest, now), end=end)

    monkeypatch.setattr(book, "_new", endless)
    # Else the first look at it would end it with its length.
    monkeypatch.setattr(book, "_allowed", lambda silence, longest: 1e6)
    account = explore(played(first(SILENCED), "a is silenced"), 150)
    assert "not told" in str(account.violation), str(account)


def test_a_move_that_cannot_happen_is_named() -> None:
    with pytest.raises(LookupError, match="a pig flies"):
        played(first(ONE_MONITOR), "a pig flies")

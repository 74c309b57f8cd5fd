"""Whether a monitor does what it is there for, by all that it shows."""

import datetime
import json
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.status.health import (
    MEANINGS,
    UNDELIVERED,
    Cause,
    Health,
    Kind,
    Level,
    Shown,
    Sight,
    Unreported,
    View,
    health,
)
from masakarimonitors.status.model import OutboxRow, SourceRow, SubjectRow

NOW = Instant(1000.0, datetime.datetime(2026, 11, 27, 12, 0, tzinfo=datetime.UTC))
OUTBOX = OutboxRow(where="/x.sqlite", pending=0, counts={}, disk_fault="", api_trouble="")
RUNNING = SourceRow(name="consul", state="running", seen="", since=NOW, failures=0)
SEEN = View("link:manage", Sight.PROVEN)
WELL = Shown(at=NOW, sources=[RUNNING], views=[SEEN], subjects=[], outbox=OUTBOX)


def later(seconds: float) -> Instant:
    return Instant(NOW.monotonic + seconds, NOW.wall + datetime.timedelta(seconds=seconds))


def outbox(**changes: Any) -> Shown:
    return replace(WELL, outbox=replace(OUTBOX, **changes))


def alarm(subject: str, **more: Any) -> Shown:
    return replace(WELL, subjects=[SubjectRow(subject, "as it is", "because", alarm=True, **more)])


def test_nothing_is_wrong() -> None:
    judged = health(WELL)
    assert (judged.level, judged.causes, judged.unready, judged.headline()) == (Level.OK, [], [], "ok")
    assert judged.views[0].proven_at == NOW


BLIND = {
    "a source failed": (
        replace(WELL, sources=[replace(RUNNING, state="failed", seen="OSError")]),
        Kind.SOURCE,
    ),
    "a view is lost": (replace(WELL, views=[SEEN, View("link:b", Sight.BLIND, "no leader")]), Kind.VIEW),
    "not looked yet": (replace(WELL, views=[View("libvirt:x", Sight.UNKNOWN)]), Kind.UNSEEN_YET),
    "the disk hangs": (outbox(disk_fault="the disk does not answer", hangs=True, keeps=False), Kind.DISK),
}
DEGRADED = {
    "the disk is full": (outbox(disk_fault="full", keeps=False), Kind.MEMORY),
    "kept in memory": (outbox(keeps=False), Kind.MEMORY),
    "an earlier run's reports are unread": (outbox(unread="it was set aside"), Kind.UNREAD),
    "the folder does not stay": (outbox(volatile="/x does not stay: it is memory"), Kind.VOLATILE),
    "masakari away": (outbox(api_trouble="503"), Kind.API),
    "waits for long": (outbox(pending=1, oldest=NOW.monotonic - UNDELIVERED - 1), Kind.UNDELIVERED),
    "silenced": (
        replace(WELL, subjects=[SubjectRow("silence:s1", "holds", "until", alarm=True, harms=Kind.SILENCED)]),
        Kind.SILENCED,
    ),
    "refused": (replace(WELL, unreported=[Unreported(subject="vm:a", seen="400", at=NOW)]), Kind.REFUSED),
    "not known whether told": (alarm("vm:a", harms=Kind.UNSURE), Kind.UNSURE),
    "held": (alarm("host:a", held="storm"), Kind.HELD),
    "nobody reports": (alarm("reporter", harms=Kind.REPORTER), Kind.REPORTER),
    "hosts differ": (alarm("fleet", harms=Kind.FLEET), Kind.FLEET),
    "hindered": (alarm("driver", harms=Kind.HINDERED), Kind.HINDERED),
    "unwatched": (alarm("hosts unseen", harms=Kind.UNWATCHED), Kind.UNWATCHED),
    "an old list": (alarm("process list", harms=Kind.OUTDATED), Kind.OUTDATED),
    "an old matrix": (replace(WELL, outdated={"/etc/matrix.yaml": "line 1: no"}), Kind.OUTDATED),
    "views are not told": (replace(WELL, views=None), Kind.UNTOLD),
    "left out": (replace(WELL, left_out={"hostmonitor": "no such driver"}), Kind.LEFT_OUT),
    "only looks": (replace(WELL, shadow=True), Kind.SHADOW),
    "a bug": (replace(WELL, defects=[(NOW, "a decision failed")]), Kind.DEFECT),
}


@pytest.mark.parametrize("what", BLIND)
def test_who_does_not_see_is_blind_and_not_ready(what: str) -> None:
    shown, kind = BLIND[what]
    judged = health(shown)
    assert (judged.level, [cause.kind for cause in judged.causes]) == (Level.BLIND, [kind])
    assert list(judged.unready) == list(judged.causes)


@pytest.mark.parametrize("what", DEGRADED)
def test_who_sees_and_may_not_be_able_to_tell_is_degraded(what: str) -> None:
    shown, kind = DEGRADED[what]
    judged = health(shown)
    assert (judged.level, [cause.kind for cause in judged.causes]) == (Level.DEGRADED, [kind])
    assert bool(judged.unready) == (kind is Kind.MEMORY)


def test_every_kind_is_played_and_means_something() -> None:
    assert {kind for _, kind in (*BLIND.values(), *DEGRADED.values())} == set(Kind) == set(MEANINGS)
    assert all(meaning.means and meaning.to_do for meaning in MEANINGS.values())
    assert all(MEANINGS[kind].level is Level.BLIND for _, kind in BLIND.values())


@pytest.mark.parametrize(
    "shown",
    [
        outbox(pending=1, oldest=NOW.monotonic - UNDELIVERED),
        alarm("host:a"),
        replace(WELL, subjects=[SubjectRow("vm:a", "unconfirmed", "", held="unconfirmed")]),
        replace(WELL, subjects=[SubjectRow("reporter", "this monitor", "", harms=Kind.REPORTER)]),
    ],
)
def test_what_is_no_fault_of_the_monitor_is_none(shown: Shown) -> None:
    """A report on its way; a host that is down and was reported; what only a long time makes an alarm."""
    assert health(shown).level is Level.OK


def test_the_worst_stands_first_and_all_are_named() -> None:
    both = replace(outbox(api_trouble="503"), views=[View("link:manage", Sight.BLIND, "no leader")])
    judged = health(both)
    assert [cause.level for cause in judged.causes] == [Level.BLIND, Level.DEGRADED]
    assert judged.headline() == "blind: link:manage: no leader (and 1 more)"


def test_since_when_is_known_from_the_first_time_that_it_was_found() -> None:
    lost = replace(outbox(api_trouble="503"), views=[View("link:manage", Sight.BLIND, "no leader")])
    first = health(lost, health(WELL))
    again = health(replace(lost, at=later(60), views=[View("link:manage", Sight.BLIND, "no agent")]), first)
    assert [cause.since for cause in again.causes] == [NOW, NOW]
    assert [cause.seen for cause in again.causes] == ["no agent", "503"]
    back = health(replace(WELL, at=later(61)), again)
    assert (back.level, back.views[0].since, back.views[0].proven_at) == (Level.OK, later(61), later(61))
    relapse = health(replace(lost, at=later(90)), back)
    assert [cause.since for cause in relapse.causes] == [later(90), later(90)]


def test_when_a_lost_view_was_last_proven_is_kept_and_never_made_up() -> None:
    blind = View("link:manage", Sight.BLIND)
    lost = health(replace(WELL, at=later(10), views=[blind]), health(WELL))
    assert lost.views[0].proven_at == NOW
    assert health(replace(WELL, at=later(20), views=[blind]), lost).views[0].proven_at == NOW
    assert health(replace(WELL, views=[blind])).views[0].proven_at is None


def test_the_first_look_is_over_whatever_it_has_shown() -> None:
    assert not health(replace(WELL, views=[SEEN, View("b", Sight.UNKNOWN)])).looked
    assert health(replace(WELL, views=[SEEN, View("b", Sight.BLIND)])).looked
    assert health(replace(WELL, views=None)).looked


def test_a_report_that_waits_tells_since_when() -> None:
    (cause,) = health(outbox(pending=2, oldest=NOW.monotonic - 300)).causes
    assert cause.since == later(-300)
    assert cause.seen == "2 waiting, the oldest for 0:05:00"


def test_what_is_held_for_one_reason_is_one_cause() -> None:
    rows = [SubjectRow(f"host:{n}", "failing", "", alarm=True, held="storm") for n in range(7)]
    rows.append(SubjectRow("host:x", "failing", "", alarm=True, held="planned work"))
    storm, work = health(replace(WELL, subjects=rows)).causes
    assert (storm.subject, work.subject) == ("storm", "planned work")
    assert storm.seen == "host:0, host:1, host:2, host:3, host:4 and 2 more"


def test_a_cause_is_one_line_that_says_what_it_means_and_what_to_do() -> None:
    cause = Cause(kind=Kind.VIEW, subject="link:manage", seen="no\nleader", since=NOW)
    assert cause.line("hostmonitor") == (
        "blind: hostmonitor link:manage: no leader (since 2026-11-27 12:00:00 UTC). "
        f"{MEANINGS[Kind.VIEW].means} {MEANINGS[Kind.VIEW].to_do}"
    )
    unsaid = Cause(kind=Kind.UNSEEN_YET, subject="x", seen="", since=NOW)
    assert unsaid.line().startswith("blind: x: not looked yet (since")


def test_programs_get_all_of_it_as_json() -> None:
    both = replace(outbox(api_trouble="503"), views=[View("link:manage", Sight.BLIND, "no leader"), SEEN])
    seen = json.loads(json.dumps(health(both).as_json()))
    assert (seen["health"], [one["level"] for one in seen["causes"]]) == ("blind", ["blind", "degraded"])
    assert seen["views"][0] | {"since": ""} == {
        "name": "link:manage",
        "view": "blind",
        "since": "",
        "why": "no leader",
        "proven_at": None,
    }
    assert Health(at=NOW).as_json() == {"health": "ok", "views": [], "causes": []}

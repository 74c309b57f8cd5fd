"""One monitor's part in an election by a lock: what it wants written, and what the core hears."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.candidate import Candidate
from masakarimonitors.hostmonitor.core.election.election import (
    Act,
    ElectionPolicy,
    Facts,
    Holder,
    LedgerDraft,
    Standing,
)
from masakarimonitors.hostmonitor.core.election.unread import Part
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import CheckLife, Follower, Leader, WriteLedger
from masakarimonitors.hostmonitor.drivers.lock_election import LockElection

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
AT = Instant(100.0, EPOCH)
ENTRY = LedgerEntry(HostStatus.NORMAL, EPOCH)
OWN, OTHER = Candidate("a"), Candidate("b")
HELD = Facts(own=OWN, holder=Holder.OWN, leader=OWN, certain_until=108.0)
LED = Facts(own=OWN, holder=Holder.OTHER, leader=OTHER)
SURE_UNTIL = 8.0


class Stage:
    def __init__(self) -> None:
        self.called: list[str] = []
        self.heard: list[Any] = []
        self.part = LockElection(
            ElectionPolicy(),
            places=dict.fromkeys(Part, "the store"),
            on_path_changed=lambda: self.called.append("path"),
            on_wanted=lambda: self.called.append("wanted"),
            on_gained=lambda: self.called.append("gained"),
        )
        self.part.begin(self.heard.append, AT.monotonic)


def test_who_leads_says_so_with_what_was_found_and_then_with_what_it_wants() -> None:
    stage = Stage()
    assert stage.part.judge(HELD, {"n1": ENTRY}, AT) is Act.NOTHING
    assert stage.part.standing is Standing.LEADING and stage.called == ["gained"]
    (word,) = stage.heard
    assert isinstance(word, Leader) and (word.ledger, word.good_for) == ({"n1": ENTRY}, SURE_UNTIL)


async def test_what_the_core_wants_written_is_kept_until_another_leads() -> None:
    stage = Stage()
    stage.part.judge(HELD, {}, AT)
    assert await stage.part.perform(WriteLedger({"n2": ENTRY})) is None
    assert stage.part.draft.wanted == {"n2": ENTRY} and stage.called[-1] == "wanted"
    stage.part.judge(LED, {}, AT)
    assert stage.part.draft == LedgerDraft() and isinstance(stage.heard[-1], Follower)


async def test_other_commands_are_not_its_own() -> None:
    stage = Stage()
    assert await stage.part.perform(CheckLife("n2", 1)) is None
    assert stage.called == []


def test_whether_the_own_way_works_is_news_for_the_hand() -> None:
    stage = Stage()
    stage.part.on_path(False)
    assert stage.part.delivers is False and stage.called == ["path"]


def test_what_cannot_be_read_is_told_once_and_shown_for_as_long_as_it_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    part = Stage().part
    for found in ({Part.LEDGER}, {Part.LEDGER, Part.LEADER}, {Part.LEADER}):
        part.cannot_read(found)
    logged = [record.message for record in caplog.records]
    assert len(logged) == 2 and logged[0].startswith("The ledger") and "the store" in logged[0]
    (trouble,) = part.troubles
    assert Part.LEADER in trouble
    part.cannot_read(())
    assert part.troubles == []


def later(seconds: float) -> Instant:
    return Instant(AT.monotonic + seconds, EPOCH + datetime.timedelta(seconds=seconds))


def test_a_leader_writes_again_what_was_taken_away_and_not_all_the_time() -> None:
    stage, held = Stage(), replace(HELD, certain_until=math.inf)
    part = stage.part
    part.judge(held, {}, AT)
    part.draft = part.draft.stored({"n1": ENTRY})
    stage.called.clear()
    part.judge(held, {"n1": ENTRY}, later(1))
    assert stage.called == []
    part.judge(held, None, later(2))
    assert stage.called == [], "an answer that is under way may be older than what was written"
    part.judge(held, None, later(3))
    again = part.draft.wanted
    assert stage.called == ["wanted"] and again == {"n1": ENTRY}
    part.draft = part.draft.stored(again)
    for seconds in range(4, 8):
        part.judge(held, {}, later(seconds))
    assert stage.called == ["wanted"], "somebody else writes there all the time"
    part.judge(held, {}, later(8))
    assert stage.called == ["wanted"] * 2


def test_nobody_repairs_what_it_has_not_written_as_the_leader() -> None:
    stage = Stage()
    stage.part.judge(LED, {"n1": ENTRY}, AT)
    stage.part.judge(LED, None, later(1))
    stage.part.judge(LED, None, later(9))
    assert stage.part.draft == LedgerDraft() and stage.called == []


@pytest.mark.parametrize(
    "lost", [LED, replace(LED, holder=Holder.UNKNOWN), replace(LED, holder=Holder.NOBODY)]
)
def test_only_the_leader_says_that_it_cannot_write_the_ledger(lost: Facts) -> None:
    """What it has asked for may be answered when it leads no more."""
    stage = Stage()
    part = stage.part
    part.judge(HELD, {}, AT)
    part.cannot_write("no answer")
    assert len(part.troubles) == 1
    part.judge(lost, {}, later(1))
    assert part.troubles == []
    part.cannot_write("no answer in time")
    assert part.troubles == []
    part.judge(HELD, {}, later(2))
    assert part.troubles == []

"""Which BMCs are wrong goes with the leadership: what is heard of them, and what is written down."""

import datetime

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, WrongBmcs, with_bmcs
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    NoElection,
    WriteLedger,
)
from masakarimonitors.hostmonitor.effects.bmc_ledger import BmcLedger

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
ENTRY = LedgerEntry(HostStatus.NORMAL, WHEN, delivered=True)
WRONG: WrongBmcs = {"n1": {"ipmi 10.0.0.2:623": 1200.0}}
OTHER: WrongBmcs = {"n2": {"ipmi 10.0.0.3:623": 0.0}}


def at(seconds: float) -> Instant:
    return Instant(seconds, WHEN + datetime.timedelta(seconds=seconds))


class Stage:
    def __init__(self) -> None:
        self.wrong: WrongBmcs = {}
        self.heard: list[tuple[WrongBmcs, bool]] = []
        self.suspected: list[WrongBmcs] = []
        self.ledger = BmcLedger(
            lambda: self.wrong, lambda wrong, leads: self.heard.append((wrong, leads)), self.suspected.append
        )

    def leads(self, wrong: WrongBmcs | None, seconds: float = 0.0, good_for: float = 15.0) -> None:
        ledger = None if wrong is None else with_bmcs({"n5": ENTRY}, wrong)
        self.ledger.hear(Leader(why="", at=at(seconds), ledger=ledger, good_for=good_for))

    def follows(self, wrong: WrongBmcs | None) -> None:
        ledger = None if wrong is None else with_bmcs({"n5": ENTRY}, wrong)
        self.ledger.hear(Follower(leader="n9", why="", at=at(0.0), ledger=ledger))


def test_what_the_reporter_has_found_is_heard_by_all_others_when_it_is_news() -> None:
    stage = Stage()
    stage.follows(None)
    for _ in range(2):
        stage.follows(WRONG)
    stage.follows({})
    assert stage.heard == [(WRONG, False), ({}, False)] and stage.suspected == []


def test_a_new_reporter_takes_it_over_once() -> None:
    stage = Stage()
    stage.leads(WRONG)
    stage.leads(OTHER, 5.0)
    assert stage.heard == [(WRONG, True)] == [(one, True) for one in stage.suspected]


def test_where_the_ledger_cannot_be_read_at_first_what_was_heard_of_it_counts_until_it_can() -> None:
    stage = Stage()
    stage.follows(WRONG)
    stage.leads(None)
    stage.leads(OTHER, 5.0)
    assert stage.heard[1:] == [(WRONG, True), (OTHER, True)]


def test_a_reporter_of_an_earlier_release_has_nothing_forgotten() -> None:
    """It writes the ledger without what it does not know."""
    stage = Stage()
    stage.follows(WRONG)
    stage.ledger.hear(Follower(leader="n8", why="", at=at(0.0), ledger={"n5": ENTRY}))
    stage.ledger.hear(Leader(why="", at=at(5.0), ledger={"n5": ENTRY}, good_for=15.0))
    assert stage.heard == [(WRONG, False), (WRONG, True)] and stage.suspected == [WRONG]


def test_each_term_is_a_new_one() -> None:
    stage = Stage()
    stage.leads(WRONG)
    stage.ledger.hear(NoElection(why="", since=0.0, at=at(5.0)))
    stage.leads(OTHER, 8.0)
    stage.leads(WRONG, 60.0)  # its lease had ended
    assert stage.heard == [(WRONG, True), (OTHER, True), (WRONG, True)]


def test_what_the_core_writes_is_written_with_what_is_known_of_bmcs() -> None:
    stage = Stage()
    assert stage.ledger.write(WriteLedger({"n5": ENTRY})).entries == with_bmcs({"n5": ENTRY}, {})
    stage.wrong = WRONG
    assert stage.ledger.write(WriteLedger({"n5": ENTRY})).entries == with_bmcs({"n5": ENTRY}, WRONG)
    again = stage.ledger.write(WriteLedger(with_bmcs({"n5": ENTRY}, OTHER)))
    assert again.entries == with_bmcs({"n5": ENTRY}, WRONG), "what is known now, and no more"


def test_other_words_pass() -> None:
    stage = Stage()
    stage.ledger.hear("a sample")
    assert stage.heard == []

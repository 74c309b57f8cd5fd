"""One outage of a host and what became of its report: two columns of states, one table of moves.

Pure. An outage has a `Phase` (does the host ask for recovery at this moment?) and at most one report, which has a
`Fate` (what has masakari, or another monitor, said to it?). Whatever happens to either is a `Fact`, and `TABLE` says
what follows: the next state, and what is to be done. A pair that does not stand there cannot happen; `move` raises.
The diagram of docs/hostmonitor.rst is drawn from the table.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence.inquiry import Inquiry
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.outages.watch import FLAGS, WATCHED, Flag, Living, Seen, Watch


class Phase(StrEnum):
    """Where a host stands in an outage."""

    WELL = "well"
    """No outage is open."""
    FAILING = "failing"
    """What is seen asks for recovery."""
    UNSURE = "unsure"
    """An outage is open, and whether it still asks for recovery cannot be told now."""
    RETURNING = "returning"
    """It was reported and asks for recovery no more, but it is not yet back on every link."""


class Fate(StrEnum):
    """What has become of an outage's report."""

    NONE = "not reported"
    """No report was made."""
    PENDING = "pending"
    """This monitor offers it to masakari."""
    TAKEN_BACK = "taken back"
    """Made by some monitor, not known to have arrived, and not offered by this one at present."""
    ACCEPTED = "accepted"
    """masakari has taken it from this monitor."""
    REFUSED = "refused"
    """masakari has refused it: the failure is not told. Offered anew."""
    EXPIRED = "expired"
    """It could not be delivered until it was too old, for the outbox or for masakari. Made anew."""
    ANOTHERS = "another's"
    """masakari has it, from another monitor."""


class Fact(StrEnum):
    """What moves an outage or its report."""

    FAILS = "fails"
    """The matrix asks for recovery."""
    UNTOLD = "cannot be told"
    """A link on which it depends is not known."""
    EASES = "eases"
    """A reported host asks for recovery no more; links are still missing."""
    BACK = "back"
    """The outage is over."""
    NEVER_LOST = "never lost"
    """What was called lost had said good-bye: its source has taken that back, on the last link that showed it."""

    OFFERED = "offered"
    """Every gate is passed."""
    PROVEN = "proven after all"
    """Every gate is passed, and masakari was so far only told UNKNOWN."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"
    OUTLIVED = "outlived masakari's patience"
    """It is so old that masakari would take it and give it up."""
    DOUBTED = "doubted"
    """The accusation cannot be upheld at this moment: not seen to fail, or its proof is too old."""
    DEPOSED = "no longer the reporter"
    FOUND = "found in masakari"
    ENTERED = "in the ledger"
    """Another monitor has made a report that is not known to have arrived."""
    DELIVERED = "delivered by another"
    """Another monitor's report has arrived."""
    CLOSED = "closed by another"
    """A leader before this one has seen the end of that outage."""
    PUT_BACK = "put back into service"
    """masakari, which takes a host out of service with each report, has it in service again."""
    STOPPED = "monitor stopped"
    ENDED = "outage over"
    REVOKED = "there was no outage"


class Release(StrEnum):
    """Why no storm holds an outage's report."""

    NONE = "none"
    """One may."""
    ALIVE = "alive"
    """A storm has stood its time while the host was up on a link: for as long as it is."""
    CALM = "calm"
    """A storm has stood its time, and so few were still down that there is none."""
    LOOKED_AT = "looked at"
    """Somebody has looked at the host before it was reported."""


class Act(StrEnum):
    """What is to be done with a move."""

    OPEN = "open an outage"
    SETTLE = "settle anew"
    DOUBT = "take back what is not delivered"
    NOTE_RETURN = "note when it came back"
    CLOSE = "close the outage"
    REVOKE = "close what was none"
    MAKE = "make a report"
    REPEAT = "send the same report again"
    WITHDRAW = "withdraw what is not delivered"
    SAY_STARTED = "say STARTED"
    ALARM = "raise an alarm"
    OWE = "have a person put it back into service"
    OWE_PERHAPS = "have a person look whether it must be put back into service"


State = Phase | Fate
Move = tuple[State, tuple[Act, ...]]

_P, _F, _A = Phase, Fate, Act

_PHASES: Mapping[tuple[State, Fact], Move] = {
    (_P.WELL, Fact.FAILS): (_P.FAILING, (_A.OPEN, _A.SETTLE)),
    (_P.WELL, Fact.UNTOLD): (_P.WELL, ()),
    (_P.WELL, Fact.BACK): (_P.WELL, ()),
    (_P.FAILING, Fact.FAILS): (_P.FAILING, ()),
    (_P.FAILING, Fact.UNTOLD): (_P.UNSURE, (_A.DOUBT,)),
    (_P.FAILING, Fact.EASES): (_P.RETURNING, (_A.DOUBT, _A.NOTE_RETURN)),
    (_P.FAILING, Fact.BACK): (_P.WELL, (_A.NOTE_RETURN, _A.CLOSE)),
    (_P.FAILING, Fact.NEVER_LOST): (_P.WELL, (_A.REVOKE,)),
    (_P.UNSURE, Fact.FAILS): (_P.FAILING, (_A.SETTLE,)),
    (_P.UNSURE, Fact.UNTOLD): (_P.UNSURE, ()),
    (_P.UNSURE, Fact.EASES): (_P.RETURNING, (_A.NOTE_RETURN,)),
    (_P.UNSURE, Fact.BACK): (_P.WELL, (_A.NOTE_RETURN, _A.CLOSE)),
    (_P.UNSURE, Fact.NEVER_LOST): (_P.WELL, (_A.REVOKE,)),
    (_P.RETURNING, Fact.FAILS): (_P.FAILING, (_A.SETTLE,)),
    (_P.RETURNING, Fact.UNTOLD): (_P.UNSURE, ()),
    (_P.RETURNING, Fact.EASES): (_P.RETURNING, ()),
    (_P.RETURNING, Fact.BACK): (_P.WELL, (_A.CLOSE,)),
    (_P.RETURNING, Fact.NEVER_LOST): (_P.WELL, (_A.REVOKE,)),
}

_OFFERS: Mapping[tuple[State, Fact], Move] = {
    (_F.NONE, Fact.OFFERED): (_F.PENDING, (_A.MAKE,)),
    (_F.TAKEN_BACK, Fact.OFFERED): (_F.PENDING, (_A.REPEAT,)),
    # The one before it may have arrived, whatever becomes of the new one.
    (_F.EXPIRED, Fact.OFFERED): (_F.PENDING, (_A.MAKE, _A.OWE_PERHAPS)),
    (_F.REFUSED, Fact.OFFERED): (_F.PENDING, (_A.MAKE,)),
    **{(fate, Fact.PROVEN): (_F.PENDING, (_A.MAKE,)) for fate in Fate if fate is not Fate.NONE},
    # UNKNOWN is worth nothing beside the proof, and would stand before it for as long as masakari does not take it.
    (_F.PENDING, Fact.PROVEN): (_F.PENDING, (_A.WITHDRAW, _A.MAKE)),
}

_ANSWERS: Mapping[tuple[State, Fact], Move] = {
    # The same report may have been offered twice; once accepted is accepted.
    **{(fate, Fact.ACCEPTED): (_F.ACCEPTED, ()) for fate in Fate if fate is not Fate.NONE},
    (_F.PENDING, Fact.REFUSED): (_F.REFUSED, (_A.ALARM,)),
    (_F.TAKEN_BACK, Fact.REFUSED): (_F.REFUSED, (_A.ALARM,)),
    (_F.EXPIRED, Fact.REFUSED): (_F.REFUSED, (_A.ALARM,)),
    (_F.REFUSED, Fact.REFUSED): (_F.REFUSED, ()),
    (_F.ACCEPTED, Fact.REFUSED): (_F.ACCEPTED, ()),
    (_F.ANOTHERS, Fact.REFUSED): (_F.ANOTHERS, ()),
    (_F.PENDING, Fact.EXPIRED): (_F.EXPIRED, ()),
    (_F.PENDING, Fact.OUTLIVED): (_F.EXPIRED, (_A.WITHDRAW,)),
    (_F.TAKEN_BACK, Fact.EXPIRED): (_F.EXPIRED, ()),
    (_F.EXPIRED, Fact.EXPIRED): (_F.EXPIRED, ()),
    (_F.REFUSED, Fact.EXPIRED): (_F.REFUSED, ()),
    (_F.ACCEPTED, Fact.EXPIRED): (_F.ACCEPTED, ()),
    (_F.ANOTHERS, Fact.EXPIRED): (_F.ANOTHERS, ()),
}

_DOUBTS: Mapping[tuple[State, Fact], Move] = {
    **{(fate, fact): (fate, ()) for fate in Fate for fact in (Fact.DOUBTED, Fact.DEPOSED)},
    (_F.PENDING, Fact.DOUBTED): (_F.TAKEN_BACK, (_A.WITHDRAW,)),
    (_F.PENDING, Fact.DEPOSED): (_F.TAKEN_BACK, (_A.WITHDRAW,)),
    # What waits on disk from the last life is unconfirmed: not offered before the host is seen to fail still.
    **{(fate, Fact.STOPPED): (fate, ()) for fate in Fate},
    (_F.PENDING, Fact.STOPPED): (_F.TAKEN_BACK, ()),
}

_OTHERS: Mapping[tuple[State, Fact], Move] = {
    **{
        (fate, fact): (_F.ANOTHERS, ())
        for fate in (_F.NONE, _F.TAKEN_BACK, _F.REFUSED, _F.EXPIRED, _F.ANOTHERS)
        for fact in (Fact.FOUND, Fact.DELIVERED)
    },
    (_F.PENDING, Fact.FOUND): (_F.ANOTHERS, (_A.WITHDRAW,)),
    (_F.PENDING, Fact.DELIVERED): (_F.ANOTHERS, (_A.WITHDRAW,)),
    (_F.ACCEPTED, Fact.FOUND): (_F.ACCEPTED, ()),
    (_F.ACCEPTED, Fact.DELIVERED): (_F.ANOTHERS, ()),
    **{(fate, Fact.ENTERED): (_F.TAKEN_BACK, ()) for fate in Fate},
    (_F.PENDING, Fact.ENTERED): (_F.TAKEN_BACK, (_A.WITHDRAW,)),
    # It was not seen here to come back, and what whoever closed it owes stands in no ledger.
    (_F.NONE, Fact.CLOSED): (_F.NONE, ()),
    (_F.PENDING, Fact.CLOSED): (_F.NONE, (_A.WITHDRAW, _A.OWE_PERHAPS)),
    (_F.TAKEN_BACK, Fact.CLOSED): (_F.NONE, (_A.OWE_PERHAPS,)),
    (_F.ACCEPTED, Fact.CLOSED): (_F.NONE, (_A.OWE,)),
    (_F.REFUSED, Fact.CLOSED): (_F.NONE, ()),
    (_F.EXPIRED, Fact.CLOSED): (_F.NONE, (_A.OWE_PERHAPS,)),
    (_F.ANOTHERS, Fact.CLOSED): (_F.NONE, (_A.OWE,)),
    # What is not known to have arrived is no excuse, so nothing ends it.
    (_F.ACCEPTED, Fact.PUT_BACK): (_F.NONE, ()),
    (_F.ANOTHERS, Fact.PUT_BACK): (_F.NONE, ()),
}

_ENDS: Mapping[tuple[State, Fact], Move] = {
    (_F.NONE, Fact.ENDED): (_F.NONE, ()),
    # What was under way may have arrived, however it was taken back.
    (_F.PENDING, Fact.ENDED): (_F.NONE, (_A.WITHDRAW, _A.SAY_STARTED, _A.OWE_PERHAPS)),
    (_F.TAKEN_BACK, Fact.ENDED): (_F.NONE, (_A.WITHDRAW, _A.SAY_STARTED, _A.OWE_PERHAPS)),
    (_F.ACCEPTED, Fact.ENDED): (_F.NONE, (_A.WITHDRAW, _A.SAY_STARTED, _A.OWE)),
    (_F.ANOTHERS, Fact.ENDED): (_F.NONE, (_A.WITHDRAW, _A.SAY_STARTED, _A.OWE)),
    (_F.REFUSED, Fact.ENDED): (_F.NONE, (_A.WITHDRAW,)),
    (_F.EXPIRED, Fact.ENDED): (_F.NONE, (_A.WITHDRAW, _A.SAY_STARTED, _A.OWE_PERHAPS)),
    # It has left, so nobody is told that it runs; what masakari was told of it, it may act on.
    (_F.NONE, Fact.REVOKED): (_F.NONE, ()),
    (_F.REFUSED, Fact.REVOKED): (_F.NONE, (_A.WITHDRAW,)),
    **{
        (fate, Fact.REVOKED): (_F.NONE, (_A.WITHDRAW, _A.OWE_PERHAPS))
        for fate in (_F.PENDING, _F.TAKEN_BACK, _F.EXPIRED)
    },
    **{(fate, Fact.REVOKED): (_F.NONE, (_A.WITHDRAW, _A.OWE)) for fate in (_F.ACCEPTED, _F.ANOTHERS)},
}

TABLE: Mapping[tuple[State, Fact], Move] = {
    **_PHASES,
    **_OFFERS,
    **_ANSWERS,
    **_DOUBTS,
    **_OTHERS,
    **_ENDS,
}
"""(phase or fate, fact) -> (next, what is to be done). What is not listed cannot happen."""


class UnlistedMove(LookupError):
    """The table knows no such move: a bug. Nothing is changed; production shows it as an alarm."""


def move(state: State, fact: Fact) -> Move:
    """The next phase or fate, and what is to be done; raises UnlistedMove."""
    try:
        return TABLE[state, fact]
    except KeyError:
        raise UnlistedMove(
            f"{type(state).__name__.lower()} {state.value!r} cannot meet {fact.value!r}"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was told, or is to be told, about an outage: one notification and its fate.

    `made_at`: its generated_time, by which an answer is known to belong to it. `why`: masakari's words if it was
    refused. `settled_at`: the wall time at which masakari is known to have taken it. `arrived_by`: the monotonic
    second by which it had, as this monitor knows since it was started. `retry_at`: the monotonic second from which a
    refused one is offered anew.
    """

    made_at: datetime.datetime
    host_status: HostStatus
    fate: Fate = Fate.PENDING
    why: str = ""
    settled_at: datetime.datetime | None = None
    arrived_by: float = float("-inf")
    retry_at: float = float("-inf")

    @property
    def arrived(self) -> bool:
        """Whether masakari is known to have it."""
        return self.fate in (Fate.ACCEPTED, Fate.ANOTHERS)

    @property
    def entry(self) -> LedgerEntry:
        """What the next leader must know of it."""
        return LedgerEntry(self.host_status, self.made_at, self.arrived)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From the first firm failure, `failed`, to the full recovery.

    `since`: the monotonic second from which it has asked for recovery without a break, or has not. `watch`: how much of
    it was watched. `returned_at`: when it last ceased to ask for recovery. `release`: why no storm holds it. `living`:
    where it lived when it was last judged. `flag`: what was seen of masakari's maintenance flag since it failed.
    `excused_since`: since when only a report that masakari's engine has not finished with keeps it from being told;
    before a restart only the wall time is known. `refusals`: how often masakari has refused its report without news.
    `stagger`: this monitor's turn while all report. `questions`: what is asked about it.
    """

    failed: Instant
    phase: Phase = Phase.FAILING
    since: float = float("-inf")
    watch: Watch = Watch.FOUND
    returned_at: Instant | None = None
    report: Report | None = None
    release: Release = Release.NONE
    living: Living = Living.NOWHERE
    flag: Flag = Flag.NEVER
    excused_since: Instant | None = None
    refusals: int = 0
    stagger: float | None = None
    questions: Inquiry = field(default_factory=Inquiry)

    @property
    def fate(self) -> Fate:
        """What has become of its report."""
        return self.report.fate if self.report is not None else Fate.NONE

    def sees(self, seen: Seen) -> "Outage":
        """With what was watched of it, and of its flag, moved by `seen`."""
        watch, flag = WATCHED.get((self.watch, seen), self.watch), FLAGS.get((self.flag, seen), self.flag)
        return self if (watch, flag) == (self.watch, self.flag) else replace(self, watch=watch, flag=flag)

    def let_go(self, seen_up: bool) -> bool:
        """Whether no storm holds its report; `seen_up`: the host is seen up on a link now."""
        return seen_up if self.release is Release.ALIVE else self.release is not Release.NONE

    @property
    def told_normal(self) -> bool:
        """Whether its report says NORMAL, on which masakari acts."""
        return self.report is not None and self.report.host_status is HostStatus.NORMAL

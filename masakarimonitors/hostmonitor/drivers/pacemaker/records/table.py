"""The table, pure: the record of a host -> what is said of it. The first line that fits counts.

A crash and a clean stop look alike once fencing is over, so each is told by what only it does:

==================  ==========================================================================
UP                  in the membership and its controller takes part; a remote: its connection is up
SUSPECT             lost without a good-bye (still expected to be a member), or unclean: Pacemaker is
                    about to fence it; or nobody says for too long why it is away. No proof of death yet
AGENT_STOPPED       it said good-bye, or nobody wants it: a clean stop, its resource stopped or deleted
DOWN                proof of death: seen to be fenced, or fenced moments ago
UNSURE              anything else; it holds whatever was known before, for a limited time where it is missed
==================  ==========================================================================
"""

from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import (
    Farewell,
    Fenced,
    HostRecord,
    Presence,
    Trouble,
)


class Condition(StrEnum):
    """What Pacemaker says of a host."""

    UP = "up"
    SUSPECT = "suspect"
    AGENT_STOPPED = "agent stopped"
    DOWN = "down"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: which records it is about (None: any), and what is said of them.

    `bounded`: after `Rules.patience` seconds of being missed the host is SUSPECT, whatever stands here.
    """

    presence: Presence | None = None
    fenced: Fenced | None = None
    farewell: Farewell | None = None
    trouble: Trouble | None = None
    remote: bool | None = None
    condition: Condition
    evidence: str
    passing: bool = False
    bounded: bool = False

    def fits(self, record: HostRecord) -> bool:
        """Whether it is about this record."""
        return (
            self.presence in (None, record.presence)
            and self.fenced in (None, record.fenced)
            and self.farewell in (None, record.farewell)
            and self.trouble in (None, record.trouble)
            and self.remote in (None, record.remote)
        )


_HERE, _HALF, _AWAY, _UNTOLD = Presence
_NO, _FRESH, _STALE = Fenced
_NONE, _SAID, _UNWANTED = Farewell
_CALM, _DROPPED, _LOST, _UNCLEAN = Trouble
_UP, _SUSPECT, _STOPPED, _DOWN, _UNSURE = Condition

TABLE = (
    # There: alive, whatever Pacemaker thinks of its daemons. Never DOWN without fencing.
    Row(presence=_HERE, trouble=_CALM, remote=False, condition=_UP, evidence=""),
    Row(presence=_HERE, trouble=_CALM, fenced=_NO, condition=_UP, evidence=""),
    Row(
        presence=_HERE,
        remote=False,
        condition=_UNSURE,
        passing=True,
        evidence="in Corosync's membership, so alive, and unclean{fencing}",
    ),
    Row(
        presence=_HERE,
        condition=_UNSURE,
        passing=True,
        bounded=True,
        evidence="its connection is called up, and it is to be fenced or was{fencing}",
    ),
    Row(
        presence=_HALF,
        trouble=_UNCLEAN,
        condition=_UNSURE,
        passing=True,
        evidence="in Corosync's membership, so alive, its controller gone{fencing}",
    ),
    Row(
        presence=_HALF,
        farewell=_SAID,
        condition=_STOPPED,
        evidence="Pacemaker stopped cleanly, Corosync still runs",
    ),
    Row(
        presence=_HALF,
        condition=_UNSURE,
        evidence="in Corosync's membership, so alive, its controller is not there",
    ),
    # Away: what proves, what accuses, what excuses, in this order.
    Row(presence=_AWAY, fenced=_FRESH, condition=_DOWN, evidence="fenced{by}"),
    Row(
        presence=_AWAY,
        trouble=_UNCLEAN,
        remote=True,
        condition=_SUSPECT,
        passing=True,
        evidence="remote connection lost, unclean{fencing}",
    ),
    Row(presence=_AWAY, trouble=_UNCLEAN, condition=_SUSPECT, passing=True, evidence="unclean{fencing}"),
    Row(
        presence=_AWAY,
        farewell=_UNWANTED,
        condition=_STOPPED,
        evidence="nobody wants it: {unwanted}",
    ),
    Row(presence=_AWAY, farewell=_SAID, condition=_STOPPED, evidence="stopped cleanly"),
    Row(
        presence=_AWAY,
        fenced=_STALE,
        condition=_SUSPECT,
        evidence="away, and its fencing{by} does not prove that it is off now{vain}",
    ),
    Row(
        presence=_AWAY,
        trouble=_LOST,
        remote=True,
        condition=_SUSPECT,
        passing=True,
        evidence="remote connection lost{fencing}",
    ),
    Row(
        presence=_AWAY,
        trouble=_LOST,
        condition=_SUSPECT,
        passing=True,
        evidence="lost without a good-bye{fencing}",
    ),
    Row(
        presence=_AWAY,
        trouble=_DROPPED,
        remote=True,
        condition=_UNSURE,
        passing=True,  # not bounded: it ends when no good-bye can come any more, however short the patience is
        evidence="remote connection lost, and a good-bye may still be on its way{fencing}",
    ),
    Row(
        presence=_AWAY,
        remote=True,
        condition=_UNSURE,
        passing=True,
        bounded=True,
        evidence="remote connection down, and Pacemaker does not say why",
    ),
    Row(
        presence=_AWAY,
        condition=_UNSURE,
        bounded=True,
        evidence="not in the membership, and no fencing and no good-bye on record",
    ),
    # No word of it.
    Row(
        presence=_UNTOLD,
        trouble=_UNCLEAN,
        condition=_SUSPECT,
        passing=True,
        evidence="not seen since the cluster started, and unclean{fencing}",
    ),
    Row(
        presence=_UNTOLD,
        farewell=_UNWANTED,
        condition=_STOPPED,
        evidence="nobody wants it: {unwanted}",
    ),
    Row(
        presence=_UNTOLD,
        farewell=_SAID,
        condition=_STOPPED,
        evidence="stopped cleanly",
    ),
    Row(
        presence=_UNTOLD,
        condition=_UNSURE,
        bounded=True,
        evidence="Pacemaker does not say whether it is in the membership",
    ),
)
"""The last line of each presence fits any record."""


def line_of(record: HostRecord) -> Row:
    """The line of the table that is about this record."""
    return next(row for row in TABLE if row.fits(record))

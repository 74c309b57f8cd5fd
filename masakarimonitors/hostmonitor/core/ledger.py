"""The ledger of open outages: what a leader writes down for the next one, and how a cluster engine keeps it.

Pure. In: the open outages that masakari was told of, and the BMCs that were found to be wrong. Out: one JSON object,
and back; what cannot be read is told apart from an empty ledger.

Monitors of several releases read one ledger, and an entry that one of them cannot read makes all of it unreadable to
that one. So the wrong BMCs of a host stand in an entry of the form that all read, under a name that no host can have.
An earlier release leaves it out of the ledger that it writes, or writes it without its BMCs, as a host of that name of
which it sees nothing. So whoever knows of BMCs says in each such entry which, be it none: where nobody says so, which
are wrong is unknown, and not none.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.outside import known_moment

BMCS = "bmc:"
"""What the name of an entry begins with that is of a host's BMCs; then the host's follows. With none behind it the
entry says that whoever wrote the ledger knows of BMCs."""

COUNTED_IN = 600.0
"""Seconds in which the ledger counts for how long a wrong BMC has said "on": each of them is a write to the store."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One open outage as the leader wrote it down for the next one, or the wrong BMCs of a host.

    `reported_at` is the report's generated_time. `delivered`: masakari-api is known to have it. `bmcs`: those that said
    off while their host was up, each with the seconds for which it has said only on since; None where nothing is said
    of them.
    """

    host_status: HostStatus
    reported_at: datetime.datetime
    delivered: bool = False
    bmcs: tuple[tuple[str, float], ...] | None = None


WrongBmcs = Mapping[str, Mapping[str, float]]
"""By host, the BMCs that said off while it was up: by each, the seconds for which it has said only on since."""


def with_bmcs(entries: Mapping[str, LedgerEntry], wrong: WrongBmcs) -> Mapping[str, LedgerEntry]:
    """The open outages, and beside them what is known of BMCs, be it nothing."""
    known = {"": {}, **{host: bmcs for host, bmcs in sorted(wrong.items())}}
    return {**outages(entries), **{BMCS + host: _as_entry(bmcs) for host, bmcs in known.items()}}


def outages(entries: Mapping[str, LedgerEntry]) -> Mapping[str, LedgerEntry]:
    """The open outages alone."""
    return {name: entry for name, entry in entries.items() if not name.startswith(BMCS)}


def wrong_bmcs(entries: Mapping[str, LedgerEntry]) -> WrongBmcs | None:
    """What it says of BMCs; None where whoever wrote it does not know of them."""
    knows = entries.get(BMCS)
    if knows is None or knows.bmcs is None:
        return None
    return {
        name.removeprefix(BMCS): dict(entry.bmcs)
        for name, entry in entries.items()
        if name.startswith(BMCS) and entry.bmcs
    }


def counted(bmcs: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """As the ledger tells it: two that differ by less than `COUNTED_IN` are one."""
    return tuple((bmc, seconds // COUNTED_IN * COUNTED_IN) for bmc, seconds in sorted(bmcs.items()))


_LONGEST = 1e9
_NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def _as_entry(bmcs: Mapping[str, float]) -> LedgerEntry:
    return LedgerEntry(HostStatus.UNKNOWN, _NEVER, delivered=True, bmcs=counted(bmcs))


def read_ledger(value: bytes | str) -> Mapping[str, LedgerEntry] | None:
    """From `write_ledger`; None for anything else, and never an error: an unreadable ledger is not an empty one."""
    try:
        return {
            str(host): LedgerEntry(
                HostStatus(entry["host_status"]),
                known_moment(entry["reported_at"]),
                bool(entry["delivered"]),
                _read_bmcs(entry.get("bmcs")),
            )
            for host, entry in json.loads(value).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):  # the last: nested too deeply
        return None


def _read_bmcs(told: object) -> tuple[tuple[str, float], ...] | None:
    """What can be understood of it, None where that is nothing; a number that is none begins from the beginning."""
    if not isinstance(told, dict):
        return None
    sound = {bmc: s if isinstance(s, int | float) and 0 <= s < _LONGEST else 0 for bmc, s in told.items()}
    return tuple((str(bmc), float(seconds)) for bmc, seconds in sorted(sound.items()))


def write_ledger(entries: Mapping[str, LedgerEntry]) -> bytes:
    """About 100 bytes a host: Consul's limit (512 KiB) holds 5,000 open outages, Kubernetes' (256 KiB) half."""
    return json.dumps(
        {
            host: {
                "host_status": entry.host_status.value,
                "reported_at": entry.reported_at.isoformat(),
                "delivered": entry.delivered,
                **({} if entry.bmcs is None else {"bmcs": dict(entry.bmcs)}),
            }
            for host, entry in entries.items()
        },
        separators=(",", ":"),
    ).encode()

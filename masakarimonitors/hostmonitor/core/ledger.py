"""The ledger of open outages: what a leader writes down for the next one, and how a cluster engine keeps it.

Pure. In: the open outages that masakari was told of, the hosts that a person has to put back after one, and the BMCs
that were found to be wrong. Out: one JSON object, and back; what cannot be read is told apart from an empty ledger.

Monitors of several releases read one ledger, and an entry that one of them cannot read makes all of it unreadable to
that one. So what is owed after an outage, and the wrong BMCs of a host, stand in entries of the form that all read,
under names that no host can have. An earlier release leaves them out of the ledger that it writes, or writes them
without what they are there for, as hosts of that name of which it sees nothing. So whoever knows of such entries says
so in one of its own, be there no other: where nobody says so, what is owed or wrong is unknown, and not nothing.
"""

import datetime
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TypeVar

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.outside import known_moment

T = TypeVar("T")

BMCS = "bmc:"
"""What the name of an entry begins with that is of a host's BMCs; then the host's follows. With none behind it the
entry says that whoever wrote the ledger knows of BMCs."""

OWED = "owed:"
"""The same for what is owed after an outage that is over (`outages/aftermath.py`)."""

FOLLOWED = "followed:"
"""What the name of the entry begins with by which whoever wrote the ledger, whose name follows, says that it follows
what masakari was told of the hosts in it, by whichever monitor, to its end there. A reporter of an earlier release has
the ledger of the one before it until it writes its own, and follows nothing of others."""

COUNTED_IN = 600.0
"""Seconds in which the ledger counts for how long a wrong BMC has said "on": each of them is a write to the store."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One open outage as the leader wrote it down for the next one, or what is owed after one, or a host's wrong BMCs.

    `reported_at` is the report's generated_time. `delivered`: masakari-api is known to have it. `bmcs`: those that said
    off while their host was up, each with the seconds for which it has said only on since; None where nothing is said
    of them. `owed`: the words of what is owed, as a monitor keeps them for itself; None where nothing is said of that.
    """

    host_status: HostStatus
    reported_at: datetime.datetime
    delivered: bool = False
    bmcs: tuple[tuple[str, float], ...] | None = None
    _: KW_ONLY
    owed: tuple[tuple[str, str], ...] | None = None


WrongBmcs = Mapping[str, Mapping[str, float]]
"""By host, the BMCs that said off while it was up: by each, the seconds for which it has said only on since."""


def with_bmcs(entries: Mapping[str, LedgerEntry], wrong: WrongBmcs) -> Mapping[str, LedgerEntry]:
    """The open outages, and beside them what is known of BMCs, be it nothing."""
    known = {"": {}, **{host: bmcs for host, bmcs in sorted(wrong.items())}}
    return {**without_bmcs(entries), **{BMCS + host: _as_entry(bmcs) for host, bmcs in known.items()}}


def without_bmcs(entries: Mapping[str, LedgerEntry]) -> Mapping[str, LedgerEntry]:
    """All but what is said of BMCs."""
    return {name: entry for name, entry in entries.items() if not name.startswith(BMCS)}


def outages(entries: Mapping[str, LedgerEntry]) -> Mapping[str, LedgerEntry]:
    """The open outages alone."""
    return {name: entry for name, entry in entries.items() if not name.startswith((BMCS, OWED, FOLLOWED))}


def with_followed(entries: Mapping[str, LedgerEntry], by: str) -> Mapping[str, LedgerEntry]:
    """With the word that its writer, the monitor on `by`, follows what masakari was told of these hosts."""
    return {**without_followed(entries), FOLLOWED + by.casefold(): replace(_NOTHING, owed=())}


def without_followed(entries: Mapping[str, LedgerEntry]) -> Mapping[str, LedgerEntry]:
    """Without that word."""
    return {name: entry for name, entry in entries.items() if not name.startswith(FOLLOWED)}


def are_followed(entries: Mapping[str, LedgerEntry], by: str) -> bool:
    """Whether it has that word of the monitor on `by`; what an earlier release has written on has none."""
    word = entries.get(FOLLOWED + by.casefold())
    return word is not None and word.owed is not None


Words = Mapping[str, str]
"""What is owed after an outage, as a monitor keeps it for itself."""


def with_owed(entries: Mapping[str, LedgerEntry], owed: Mapping[str, Words]) -> Mapping[str, LedgerEntry]:
    """The open outages, and by host what is owed after one, be it nothing."""
    known: Mapping[str, Words] = {"": {}, **owed}
    told = {
        OWED + host: replace(_NOTHING, owed=tuple(sorted(words.items()))) for host, words in known.items()
    }
    return {**entries, **told}


def owed_in(entries: Mapping[str, LedgerEntry]) -> Mapping[str, Words] | None:
    """By host what it says is owed; None where whoever wrote it does not know of that."""
    return _beside(entries, OWED, lambda entry: entry.owed)


def wrong_bmcs(entries: Mapping[str, LedgerEntry]) -> WrongBmcs | None:
    """What it says of BMCs; None where whoever wrote it does not know of them."""
    return _beside(entries, BMCS, lambda entry: entry.bmcs)


def _beside(
    entries: Mapping[str, LedgerEntry],
    kind: str,
    told: Callable[[LedgerEntry], Iterable[tuple[str, T]] | None],
) -> Mapping[str, Mapping[str, T]] | None:
    """By host what entries of this kind tell; None where the one without a host is missing, or says nothing."""
    knows = entries.get(kind)
    if knows is None or told(knows) is None:
        return None
    found = {
        name.removeprefix(kind): dict(told(entry) or ())
        for name, entry in entries.items()
        if name.startswith(kind)
    }
    return {host: words for host, words in found.items() if words}


def counted(bmcs: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """As the ledger tells it: two that differ by less than `COUNTED_IN` are one."""
    return tuple((bmc, seconds // COUNTED_IN * COUNTED_IN) for bmc, seconds in sorted(bmcs.items()))


_LONGEST = 1e9
_NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


_NOTHING = LedgerEntry(HostStatus.UNKNOWN, _NEVER, delivered=True)
"""What no release does anything about."""


def _as_entry(bmcs: Mapping[str, float]) -> LedgerEntry:
    return replace(_NOTHING, bmcs=counted(bmcs))


def read_ledger(value: bytes | str) -> Mapping[str, LedgerEntry] | None:
    """From `write_ledger`; None for anything else, and never an error: an unreadable ledger is not an empty one."""
    try:
        return {
            str(host): LedgerEntry(
                HostStatus(entry["host_status"]),
                known_moment(entry["reported_at"]),
                bool(entry["delivered"]),
                _read_bmcs(entry.get("bmcs")),
                owed=_read_owed(entry.get("owed")),
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


def _read_owed(told: object) -> tuple[tuple[str, str], ...] | None:
    """Its words, None where there are none; what they mean is read by whoever takes them over."""
    if not isinstance(told, dict):
        return None
    return tuple(sorted((str(key), str(word)) for key, word in told.items()))


def write_ledger(entries: Mapping[str, LedgerEntry]) -> bytes:
    """About 100 bytes a host: Consul's limit (512 KiB) holds 5,000 open outages, Kubernetes' (256 KiB) half."""
    return json.dumps(
        {
            host: {
                "host_status": entry.host_status.value,
                "reported_at": entry.reported_at.isoformat(),
                "delivered": entry.delivered,
                **({} if entry.bmcs is None else {"bmcs": dict(entry.bmcs)}),
                **({} if entry.owed is None else {"owed": dict(entry.owed)}),
            }
            for host, entry in entries.items()
        },
        separators=(",", ":"),
    ).encode()

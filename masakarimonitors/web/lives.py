"""Whether each monitor of this host lives, and what is wrong with any of them. Pure.

In: what was heard at a monitor's socket, and how it was before. Out: where its life stands, by one table; and all that
is wrong, from its own health and from its life, worst first. Who does not answer is never taken for well.
"""

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from masakarimonitors.core.outside import moment
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.status.health import MEANINGS, Kind, Level


class Life(StrEnum):
    """Where a monitor's life stands, as seen from outside: a closed set."""

    UNASKED = "not asked yet"
    RUNS = "runs"
    DEAD = "dead"
    """It left its socket behind."""
    HUNG = "hung"
    """It does not answer."""
    CLOSED = "closed"
    """This user may not ask it."""
    ODD = "odd"
    """What it answers makes no sense."""
    STOPPED = "stopped"
    """It was here, and has ended in order."""
    MISSING = "missing"
    """It is to be here, and was not seen yet."""
    UNKNOWN = "unknown"
    """It does not run and was never seen, and whether it is to be here cannot be seen."""
    ABSENT = "absent"
    """It was never seen, and nobody has said that it is to be here."""


_BY_ANSWER: Mapping[Answer, Life] = {
    Answer.SAID: Life.RUNS,
    Answer.DEAD: Life.DEAD,
    Answer.HUNG: Life.HUNG,
    Answer.CLOSED: Life.CLOSED,
    Answer.ODD: Life.ODD,
}

_NEVER_HERE = frozenset({Life.UNASKED, Life.ABSENT, Life.MISSING, Life.UNKNOWN})
_DEGRADED = frozenset({Life.UNKNOWN})

MEANS: Mapping[Life, str] = {
    Life.UNASKED: "it was not asked yet: nobody knows how it is. Wait a moment",
    Life.DEAD: Answer.DEAD.value.removeprefix("is "),
    Life.HUNG: Answer.HUNG.value,
    Life.CLOSED: Answer.CLOSED.value,
    Life.ODD: Answer.ODD.value,
    Life.STOPPED: "was stopped: nobody watches what it watched. Start it; if it is not wanted here any more, start "
    "`masakari-monitors web` again, or name those that are wanted with [web] monitors",
    Life.MISSING: "does not run, and is to run here, as it has left an outbox or as [web] monitors says: nobody "
    "watches what it should watch. Start it, or name those that are wanted with [web] monitors",
    Life.UNKNOWN: "does not run, and whether it is to run here cannot be seen: it may be one that does not "
    "start, and then nobody watches what it should watch. Name those that are to run here with [web] monitors, or "
    "start `masakari-monitors web` as the user that the monitors run as",
}
"""What each life means that is a fault, and what to do."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The monitors that are to run here; `untold`: why that cannot be known of the others, if it cannot."""

    names: Collection[str] = ()
    untold: str = ""


NONE_EXPECTED = Expected()
"""It is known that none is to be here."""

KEPT = datetime.timedelta(seconds=10)
"""How long what was told of each host's links is shown on where an answer comes without: it is not the present one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One monitor: where its life stands, since when, and why; `snapshot`: what it showed when it last answered, `at`
    that moment; `grid_at`: when it last told how each link sees each host."""

    name: str
    life: Life = Life.UNASKED
    since: datetime.datetime
    why: str = ""
    snapshot: Mapping[str, Any] | None = None
    at: datetime.datetime | None = None
    grid_at: datetime.datetime | None = None

    @property
    def runs(self) -> Mapping[str, Any] | None:
        """What it shows now; None unless it answers."""
        return self.snapshot if self.life is Life.RUNS else None


def heard(before: Seen, found: Found, expected: Expected, now: datetime.datetime) -> Seen:
    """How a monitor stands that was so before, after this was heard of it."""
    life, why = _BY_ANSWER.get(found.answer), found.why
    if life is None and before.life not in _NEVER_HERE:
        life = Life.STOPPED
    elif life is None and before.name in expected.names:
        life = Life.MISSING
    elif life is None and expected.untold:
        life, why = Life.UNKNOWN, expected.untold
    elif life is None:
        life = Life.ABSENT
    snapshot, at, grid_at = before.snapshot, before.at, before.grid_at
    if life is Life.RUNS:
        snapshot, at = found.snapshot, now
        if "grid" in snapshot:
            grid_at = now
        elif before.runs is not None and grid_at is not None and -KEPT < now - grid_at < KEPT:
            # It has not heard the question in time; whoever never does so tells of its hosts no more.
            snapshot = {"grid": before.runs.get("grid"), **snapshot}
    return Seen(
        name=before.name,
        life=life,
        since=before.since if life is before.life else now,
        why=why,
        snapshot=snapshot,
        at=at,
        grid_at=grid_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One thing that is wrong, with which monitor and since when. `unready`: the monitor is not ready because of it."""

    level: str
    monitor: str
    subject: str = ""
    kind: str = ""
    seen: str
    since: str = ""
    means: str = ""
    unready: bool = True

    @property
    def blind(self) -> bool:
        """Whether it is of the worst kind; a level that is not known is."""
        return self.level != Level.DEGRADED.value

    def line(self) -> str:
        """All of it in one line."""
        where = " ".join(filter(None, (self.monitor, self.subject)))
        since = f" (since {self.since})" if self.since else ""
        return " ".join(f"{self.level}: {where}: {self.seen}{since}. {self.means}".split())


def wrongs(seen: Sequence[Seen]) -> Sequence[Wrong]:
    """All that is wrong with these monitors, the worst first, and of those the oldest."""
    found = [wrong for one in seen for wrong in _of(one)]
    if all(one.life in (Life.ABSENT, Life.MISSING, Life.UNKNOWN) for one in seen):
        found.append(
            Wrong(
                level=Level.BLIND.value,
                monitor="no monitor",
                kind="none runs",
                seen="runs on this host, and none was seen since this page was started",
                means="Nothing is watched here. Start the monitors, or give this user the right to ask them.",
            )
        )
    return sorted(found, key=lambda one: (not one.blind, one.since, one.monitor, one.subject))


def _of(one: Seen) -> Iterator[Wrong]:
    if one.life is Life.ABSENT:
        return
    if one.life is not Life.RUNS:
        why = f" ({one.why.rstrip('.')})" if one.why else ""
        said, _, to_do = MEANS[one.life].partition(". ")
        yield Wrong(
            level=(Level.DEGRADED if one.life in _DEGRADED else Level.BLIND).value,
            monitor=one.name,
            kind=one.life.value,
            seen=f"{said}{why}",
            since=shown_time(one.since),
            means=f"{to_do}." if to_do else "",
        )
        return
    snapshot = one.snapshot or {}
    causes = [cause for cause in _list(snapshot.get("causes")) if isinstance(cause, Mapping)]
    yield from (_cause(one.name, cause) for cause in causes)
    level = snapshot.get("health")
    if not isinstance(level, str) or level not in set(Level):
        yield Wrong(
            level=Level.BLIND.value,
            monitor=one.name,
            kind="untold",
            seen="does not tell how it is: it is of another release",
            since=shown_time(one.since),
            means="Restart it.",
        )
    elif level != Level.OK.value and not causes:
        yield Wrong(level=str(level), monitor=one.name, seen="it names no cause", means="See its log.")


def _cause(monitor: str, cause: Mapping[str, Any]) -> Wrong:
    kind, level = str(cause.get("kind", "")), str(cause.get("level", ""))
    known = {one.value: one for one in Kind}
    unready = MEANINGS[known[kind]].unready if kind in known else level != Level.DEGRADED.value
    return Wrong(
        level=level or Level.BLIND.value,
        monitor=monitor,
        subject=str(cause.get("subject", "")),
        kind=kind,
        seen=str(cause.get("seen") or kind),
        since=shown_time(moment(cause.get("since"))),
        means=" ".join(str(cause.get(word, "")) for word in ("means", "to_do")).strip(),
        unready=unready,
    )


def shown_time(at: datetime.datetime | None) -> str:
    """With its date and UTC; nothing for none."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

"""Why a process is reported, or why not, at this moment: what stands between its end and masakari, in order. Pure.

In: the state as it is. Out: facts for people; nothing is asked, started or changed.
"""

from collections import Counter
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import (
    Explained,
    GateSeen,
    Passage,
    Standing,
    Standings,
    gate,
    in_order,
    wall_at,
)
from masakarimonitors.processmonitor.core.decision import State
from masakarimonitors.processmonitor.core.reports import Fate
from masakarimonitors.processmonitor.core.stages import (
    Appearing,
    Grace,
    Policy,
    Probation,
    Running,
    Trying,
    Unclear,
    WatchedProcess,
    subject_of,
)

ON_MAINTENANCE = (
    "it runs again; masakari {} told that it was down, and holds this host on maintenance: nothing on it is recovered "
    "until somebody ends that there"
)


class GateName(StrEnum):
    """The gates in their order."""

    SEEN = "it can be seen"
    CLEAR = "the list fits it"
    GRACE = "nobody else starts it again"
    STARTABLE = "its command can be started"
    TRIES = "all tries have failed"
    PROBATION = "it does not run again"
    TAKEN = "not refused by masakari"


def explain(state: State, policy: Policy, subject: str, now: Instant) -> Explained | None:
    """How that subject stands, by its name or by what follows the last slash of it; None where the list lacks it."""
    found = [one for one in state.processes.values() if subject in (one.subject, _short(one))]
    if not found:
        return None
    process = found[0]
    standing, why = _standing(process, policy)
    outage = process.outage
    return Explained(
        subject=process.subject,
        standing=standing,
        why=why,
        since=outage.since.wall if outage is not None else None,
        evidence="; ".join(filter(None, (process.stage.text, outage.trouble if outage is not None else ""))),
        gates=_gates(process, policy, now),
    )


def count(state: State, policy: Policy, now: Instant) -> Standings:
    """How many processes of the list stand where."""
    return Counter(_standing(process, policy)[0] for process in state.processes.values())


def _short(process: WatchedProcess) -> str:
    return subject_of(process.name.rsplit("/", 1)[-1])


def _standing(process: WatchedProcess, policy: Policy) -> tuple[Standing, str]:
    stage, outage = process.stage, process.outage
    if process.blind:
        return (
            Standing.UNSEEN,
            "whether it runs cannot be seen; nothing is restarted or reported until it can",
        )
    if isinstance(stage, Unclear):
        return (
            Standing.HELD,
            f"nothing that runs fits its entry, and its text stands in a command line ({stage.who})",
        )
    if outage is None or isinstance(stage, Running):
        if process.told is not None:
            was = "was" if process.told.fate is Fate.DELIVERED else "may have been"
            return Standing.OFF, ON_MAINTENANCE.format(was)
        if isinstance(stage, Running):
            return Standing.WELL, "it runs"
        return Standing.UNSEEN, stage.text
    match outage.report.fate:
        case Fate.PENDING:
            return Standing.WAITING, _tried(process, policy)
        case Fate.DELIVERED | Fate.UNKNOWN:
            return Standing.TOLD, _tried(process, policy)
        case Fate.REFUSED:
            return Standing.REFUSED, outage.report.why or "it gave no reason"
        case Fate.EXPIRED:
            return (
                Standing.HELD,
                "its report could not be delivered in time; it is offered again while it stays down",
            )
        case Fate.DROPPED:
            return Standing.HELD, outage.report.text(tells=policy.tells)
        case _:
            return Standing.ACTING, f"{stage.text} ({_tried(process, policy)})"


def _tried(process: WatchedProcess, policy: Policy) -> str:
    tries = process.outage.tries if process.outage is not None else 0
    trouble = process.outage.trouble if process.outage is not None else ""
    return f"{tries} restarts tried, reported after {policy.tries}" + (f"; {trouble}" if trouble else "")


def _gates(process: WatchedProcess, policy: Policy, now: Instant) -> tuple[GateSeen, ...]:
    stage, outage = process.stage, process.outage
    down = outage is not None and not isinstance(stage, Running)
    asked = down or process.blind or isinstance(stage, Unclear)
    if not asked:
        return tuple(GateSeen(name=name.value, passage=Passage.NOT_ASKED) for name in GateName)
    report = outage.report if outage is not None else None
    reported = process.reported
    short = outage is not None and outage.short_since is not None and not reported
    return in_order(
        [
            gate(
                GateName.SEEN,
                holds=process.blind,
                why="whether it runs cannot be seen",
                release="What keeps /proc from being read: see the log.",
            ),
            gate(
                GateName.CLEAR,
                holds=isinstance(stage, Unclear),
                why=stage.who if isinstance(stage, Unclear) else "",
                release="Compare the list with `masakari-monitors check`, and mend it.",
            ),
            gate(
                GateName.GRACE,
                holds=isinstance(stage, Grace),
                why=stage.text,
                release="Nothing: [process] restart_grace.",
                until=wall_at(now, stage.until) if isinstance(stage, Grace) else None,
            ),
            gate(
                GateName.STARTABLE,
                holds=short,
                why="this monitor cannot start its command, for a reason of its own",
                release=f"What this monitor lacks (see the log); after {policy.shortage:g} s it is a failed try.",
                since=wall_at(now, outage.short_since) if outage is not None else None,
                until=wall_at(now, outage.short_since + policy.shortage)
                if outage is not None and outage.short_since is not None
                else None,
            ),
            gate(
                GateName.TRIES,
                holds=not reported and not isinstance(stage, Grace | Probation | Unclear) and down,
                why=f"{stage.text}; {_tried(process, policy)}",
                release="Nothing: it is tried again by itself, or start it by hand.",
                until=wall_at(now, stage.deadline if isinstance(stage, Appearing) else process.due)
                if isinstance(stage, Appearing | Trying)
                else None,
            ),
            gate(
                GateName.PROBATION,
                holds=isinstance(stage, Probation),
                why=stage.text,
                release="Nothing: it counts as recovered then, or is tried again.",
                since=wall_at(now, stage.since) if isinstance(stage, Probation) else None,
                until=wall_at(now, stage.until) if isinstance(stage, Probation) else None,
            ),
            gate(
                GateName.TAKEN,
                holds=report is not None and report.was_not_taken,
                why=f"{report.fate.value}: {report.why}" if report is not None else "",
                release="End the host's maintenance in masakari, or register it; it is offered again by itself.",
                until=wall_at(now, report.again_at) if report is not None and report.was_not_taken else None,
            ),
        ]
    )

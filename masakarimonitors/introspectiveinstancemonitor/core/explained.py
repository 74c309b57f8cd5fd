"""Why a guest is reported, or why not, at this moment: what stands between its silence and masakari, in order. Pure.

In: the state as it is. Out: facts for people; nobody is asked, and nothing is changed.
"""

import datetime
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import Explained, GateSeen, Standing, Standings, gate, in_order, wall_at
from masakarimonitors.core.storm import Storm
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT, Availability
from masakarimonitors.introspectiveinstancemonitor.core.report import scopes
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.reported.limit import recent_reports
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Hold, Policy, Probe, State

SUBJECT = "vm:"
"""What a guest's subject begins with: that of its instance."""


class GateName(StrEnum):
    """The gates in their order."""

    SEEN = "its libvirt is heard"
    JUDGED = "its silence means something"
    AWAITED = "it has answered since it began"
    MISSED = "it has missed enough in a row"
    DEAD = "it looks dead from outside"
    STORM = "no storm"
    LIMIT = "not reported too often"
    ALREADY = "not reported by another check"


_PHASES: Mapping[Phase, tuple[Standing, str]] = {
    Phase.DISCOVERY: (
        Standing.UNWATCHED,
        "its agent has never answered since it was started, so it is not judged",
    ),
    Phase.UNUSABLE: (Standing.UNSEEN, "its agent is there and gives no usable answer: it is not judged"),
    Phase.AWAITED: (Standing.UNSEEN, "its guest began anew and has not answered since: it is not judged yet"),
    Phase.HEALTHY: (Standing.WELL, "it answers"),
    Phase.UNKNOWN: (Standing.UNSEEN, "for long it has given no answer that says anything"),
    Phase.ERROR: (Standing.SUSPECTED, "it has missed questions, and not enough yet"),
    Phase.ACCUSED: (Standing.HELD, "it is found dead, and its report is due"),
    Phase.REPORTED: (Standing.TOLD, "its outage is reported"),
}
_WORST = (
    Phase.ACCUSED,
    Phase.REPORTED,
    Phase.ERROR,
    Phase.UNKNOWN,
    Phase.UNUSABLE,
    Phase.AWAITED,
    Phase.HEALTHY,
    Phase.DISCOVERY,
)


def explain(state: State, policy: Policy, subject: str, now: Instant) -> Explained | None:
    """How that subject stands; None where it is no guest of this host."""
    uuid = subject.removeprefix(SUBJECT)
    guest = state.guests.get(uuid)
    if uuid == subject:
        return None
    if guest is None:
        unwatched = [one for some in state.unwatched.values() for one in some if one.uuid == uuid]
        if unwatched:
            why = f"{unwatched[0].name}: {unwatched[0].why}"
            return Explained(subject=subject, standing=Standing.UNWATCHED, why=why)
        return None
    name, probe = _worst(guest)
    standing, why = _standing(state, guest, probe)
    return Explained(
        subject=subject,
        standing=standing,
        why=why if name == HEARTBEAT else f"check {name}: {why}",
        since=_since(probe, now),
        evidence="; ".join(filter(None, (guest.name, probe.charge, probe.evidence))),
        gates=_gates(state, guest, probe, policy.under(state), name, now),
    )


def count(state: State, now: Instant) -> Standings:
    """How many guests stand where, with those that cannot be watched or read."""
    counted = Counter(_standing(state, guest, _worst(guest)[1])[0] for guest in state.guests.values())
    unwatched = {guest.uuid for guests in state.unwatched.values() for guest in guests} - state.guests.keys()
    unread = {uuid for uuids in state.unread.values() for uuid in uuids} - state.guests.keys() - unwatched
    counted.update({Standing.UNWATCHED: len(unwatched), Standing.UNSEEN: len(unread)})
    return counted


def _worst(guest: Guest) -> tuple[str, Probe]:
    return min(guest.probes.items(), key=lambda item: (_WORST.index(item[1].phase), item[0] != HEARTBEAT))


def _standing(state: State, guest: Guest, probe: Probe) -> tuple[Standing, str]:
    if probe.phase is not Phase.REPORTED:
        if state.unseen(guest.where):
            why = (
                state.away.get(guest.where) or state.unaskable.get(guest.where) or state.unaskable.get("", "")
            )
            return Standing.UNSEEN, f"its libvirt, or its agents, cannot be asked: {why}"
        if guest.availability is not Availability.RUNNING:
            return Standing.UNWATCHED, f"it is not judged now: {guest.availability.value}"
    if probe.hold is not None:
        return Standing.HELD, probe.hold.value
    if probe.delivery is Delivery.NOT_TAKEN:
        return Standing.HELD, "masakari has not taken its report, which is offered again when it may"
    if probe.delivery is Delivery.WAITING:
        return Standing.WAITING, probe.charge or _PHASES[Phase.REPORTED][1]
    return _PHASES[probe.phase]


def _since(probe: Probe, now: Instant) -> datetime.datetime | None:
    return probe.storm_since or probe.made_at or probe.delivered_at or wall_at(now, probe.silent_since)


def _storm(state: State, guest: Guest) -> Storm | None:
    return next((state.storms[scope] for scope in scopes(guest) if scope in state.storms), None)


def _gates(
    state: State, guest: Guest, probe: Probe, policy: Policy, name: str, now: Instant
) -> tuple[GateSeen, ...]:
    unseen, storm, limit = state.unseen(guest.where), _storm(state, guest), policy.limit(name)
    fails = probe.phase in (Phase.ERROR, Phase.ACCUSED, Phase.REPORTED, Phase.UNKNOWN)
    due = probe.phase in (Phase.ACCUSED, Phase.REPORTED)
    waits = probe.phase is Phase.ACCUSED or probe.hold is not None
    times = len(recent_reports(guest.reports, now.wall))
    return in_order(
        [
            gate(
                GateName.SEEN,
                holds=unseen,
                why=state.away.get(guest.where)
                or state.unaskable.get(guest.where, "its agents cannot be asked"),
                release="libvirtd, or the agents' sockets.",
                since=wall_at(now, state.unseen_since.get(guest.where)),
            ),
            gate(
                GateName.JUDGED,
                holds=guest.availability is not Availability.RUNNING,
                why=guest.availability.value,
                release="Its end: it is judged anew then.",
            ),
            gate(
                GateName.AWAITED,
                holds=probe.phase in (Phase.DISCOVERY, Phase.AWAITED, Phase.UNUSABLE),
                why=_PHASES[probe.phase][1],
                release="An answer of its agent.",
                since=wall_at(now, probe.unusable_since),
            ),
            gate(
                GateName.MISSED,
                holds=probe.phase in (Phase.ERROR, Phase.UNKNOWN) and probe.misses < limit,
                why=f"{probe.misses} of {limit} in a row",
                release="Nothing: it is asked again by itself.",
                since=wall_at(now, probe.silent_since),
                asked=fails,
            ),
            gate(
                GateName.DEAD,
                holds=probe.hold in (Hold.AT_WORK, Hold.UNKNOWN, Hold.LOST),
                why=probe.hold.value if probe.hold is not None else guest.investigation.stage.value,
                release="Its counters stand still, or libvirt can read them. Look at the guest's agent.",
                asked=due,
            ),
            gate(
                GateName.STORM,
                holds=storm is not None and waits,
                why=storm.scope if storm is not None else "",
                release="Calm: storm_hold seconds in which nothing changes. Look at what they share first.",
                since=wall_at(now, storm.began if storm is not None else None),
                until=wall_at(now, storm.over_at(policy.guard.hold) if storm is not None else None),
                asked=due,
            ),
            gate(
                GateName.LIMIT,
                holds=probe.hold is Hold.REPORT_LIMIT,
                why=f"{times} times within the hour",
                release="An hour since the first of these reports. Look why it hangs again and again.",
                asked=due,
            ),
            gate(
                GateName.ALREADY,
                holds=probe.hold is Hold.ALREADY,
                why=Hold.ALREADY.value,
                release="What becomes of that report.",
                asked=due,
            ),
        ]
    )

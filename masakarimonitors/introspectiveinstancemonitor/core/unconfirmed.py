"""A report that the introspective monitor's last life left undelivered: does it still hold? Pure.

In: how its guest stands. It holds when the guest was asked again in this life and kept silent, and a look from outside
says that it is dead; a check's report, when that check has failed again. Of a guest that is found at work, or that is
excused, the report has been taken back by then (`silence.py`, `state.py`).
"""

from collections.abc import Sequence

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.unconfirmed import Say, Unconfirmed, Word, confirm, forget, wait, withdraw
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import UNJUDGED, Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT, Availability
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import Finding
from masakarimonitors.introspectiveinstancemonitor.core.report import hangs_after_a_check, may_be_held
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Policy, State

_LOOKS = {
    Finding.MORE: "it has not answered since, and is being looked at from outside",
    Finding.ALIVE: "it is silent and at work",
    Finding.UNKNOWN: "it has not answered since, and libvirt does not tell how it looks from outside",
}


def judge(policy: Policy, uris: Sequence[str], state: State, report: Unconfirmed, now: Instant) -> Word:
    """Whether the report still holds `now`; `uris`: the libvirts that are configured."""
    told = report.told
    if not isinstance(told, VmNotification):
        return forget("it is about no guest")
    uuid = told.instance_uuid
    if any(uuid in unread for unread in state.unread.values()):
        return wait("libvirt lists it, but does not tell how it stands")
    guest = state.guests.get(uuid)
    return _unmet(uris, state) if guest is None else _of_guest(policy, state, guest, now)


def _unmet(uris: Sequence[str], state: State) -> Word:
    for uri in uris:
        if uri in state.away:
            return wait(f"libvirt {uri} cannot be asked")
        if uri not in state.unwatched:
            return wait(f"libvirt {uri} has not listed its guests yet")
    return forget("no configured libvirt has the guest ([libvirt] connection_uri)")


def _of_guest(policy: Policy, state: State, guest: Guest, now: Instant) -> Word:
    if not guest.reported:
        if guest.heartbeat.phase in UNJUDGED:
            return wait("nothing is remembered of it, and it has not answered yet")
        return withdraw("its outage is over")
    if state.unseen(guest.where):
        return wait(state.away.get(guest.where) or state.unaskable[guest.where])
    if guest.availability is Availability.CRASHED:
        return confirm("libvirt says that its guest has crashed")
    if guest.availability is not Availability.RUNNING:
        return wait(f"it is not judged now: {guest.availability.value}")
    if hangs_after_a_check(guest):
        if may_be_held(state, guest, now):
            return wait("many guests fell silent together, and it is one of them")
        return confirm("it does not answer its pings either, and is found dead")
    reported = {name: probe for name, probe in guest.probes.items() if probe.phase is Phase.REPORTED}
    # It is the report of the probe whose report waits; an earlier release did not always say that one does.
    whose = [name for name, probe in reported.items() if probe.delivery is Delivery.WAITING] or reported
    words = [_of_probe(policy, guest, name) for name in whose if guest.is_asked(name)]
    if not words:
        return forget("the check that failed is not configured for it any more")
    return next((word for word in words if word.say is Say.CONFIRM), words[0])


_CONFIRMED = confirm("it was asked again, and still gives no answer")
_FOUND_DEAD = confirm("it was asked again and has not answered, and a look from outside finds it dead")


def _of_probe(policy: Policy, guest: Guest, name: str) -> Word:
    if not guest.probes[name].missed:
        return wait("it has not been asked yet, or the question did not reach it")
    if name != HEARTBEAT or not policy.io_check:
        return _CONFIRMED
    if guest.waiting is None:
        # So an earlier release has left it: nobody looks at it from outside.
        return _CONFIRMED
    finding = guest.investigation.finding
    return _FOUND_DEAD if finding is Finding.DEAD else wait(_LOOKS[finding])


_ILL = (Phase.UNKNOWN, Phase.ERROR, Phase.ACCUSED, Phase.REPORTED, Phase.AWAITED, Phase.UNUSABLE)
"""A probe that stands so has answered before, if need be before the guest began anew, and does not now."""


def well(state: State, subject: str) -> str:
    """Why a guest needs nobody any more: its agent answers, and none of its checks fails.

    Empty when that is not so, or when it cannot be asked. Its agent can answer while the check that was reported fails,
    or was not seen to pass since the guest was restarted for it.
    """
    guest = state.guests.get(subject.removeprefix("vm:"))
    if guest is None or guest.heartbeat.phase is not Phase.HEALTHY or state.unseen(guest.where):
        return ""
    if any(probe.phase in _ILL for probe in guest.probes.values()):
        return ""
    return "its agent answers"

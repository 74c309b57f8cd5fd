"""The sentences of the host monitor: what an operator reads beside each verdict.

One place for the wording, so that the rules stay readable and the words consistent.
"""

from collections.abc import Sequence

from masakarimonitors.decisions.guard import EVERYWHERE, GuardPolicy, Storm
from masakarimonitors.hostmonitor.matrix import Matrix
from masakarimonitors.hostmonitor.observation import EVERYONE, Link, Office, Power
from masakarimonitors.hostmonitor.outage import HostState
from masakarimonitors.notifications import HostStatus

RECOVERED = "it is back on every link"
HANDED_OVER = "this monitor no longer holds the office: its successor reports what is still open"
DOUBTFUL = "its failure is no longer seen and was not delivered: sent again if it is seen once more"
STALE = "not delivered before this monitor was restarted: sent again once the host is seen to fail still"
OWN_BACK = "this host was reported by another monitor; it holds the office now and sees every link"
RECOVERED_EARLY = "it came back before it was reported; nothing was sent"
LOOKUP = "held: it was never seen in service here, and masakari has not yet said whether it is registered"
NEVER_UP = "not reported: it was never seen in service here and is in no failover segment of masakari"
VANISHED = "it is listed nowhere any more and nobody saw it leave: it can no longer be judged"
MAINTENANCE = "it is on maintenance in masakari: high availability is off for it"
MAINTENANCE_OVER = "its maintenance in masakari has ended"
BACK_IN_SERVICE = (
    "it was put back into service in masakari: its outage is closed, though not all links are up"
)
FAILS_AGAIN = "it fails again while its outage is still open: not reported a second time"
STILL_DOWN = "it is still down; its failure was reported before"
PARTLY_BACK = "it comes back, but not on every link: the outage stays open"
LEFT = "it left by itself: planned, no failure"
FORGOTTEN = "it is listed nowhere and is in no failover segment of masakari: forgotten"


def join(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def seconds(amount: float) -> str:
    """A duration as people say it."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if amount >= 2 * size:
            return f"{amount / size:g} {unit}"
    return f"{amount:g} s"


def evidence(sequence: Sequence[str], host: HostState) -> str:
    """What was last heard on each link, and of its power."""
    parts = [
        f"{name} {link.value.value}" + (f" ({link.heard.evidence})" if link.heard.evidence else "")
        for name, link in zip(sequence, host.links, strict=True)
    ]
    if host.power is not None:
        parts.append(f"power {host.power.value} ({host.power_evidence})")
    return "; ".join(parts)


def blind(link: str, why: str, others: Sequence[str]) -> str:
    """This monitor cannot see `link`; `others` it still sees."""
    rest = f"{join(others)} still count" if others else "it sees nothing at all now"
    return f"this monitor cannot see {link} ({why}): no host is accused by it; {rest}"


def office(held: Office) -> str:
    """Who reports from now on."""
    if held.mine and held.holder == EVERYONE:
        return f"every monitor reports for itself: {held.why}"
    if held.mine:
        return f"this monitor reports from now on: {held.why}"
    return f"{held.holder or 'nobody yet'} reports, this monitor only watches: {held.why}"


def elsewhere(held: Office | None) -> str:
    """Why this monitor does not send."""
    if held is None:
        return "held: it is not yet known which monitor reports"
    return f"held: {held.holder} reports it" if held.holder else "held: no monitor has been elected to report"


def suspected(values: Sequence[Link], sequence: Sequence[str], settle: float) -> str:
    """A failure has begun."""
    down = [name for name, value in zip(sequence, values, strict=True) if value is Link.DOWN]
    return f"it is down on {join(down)}, which asks for recovery; it has {seconds(settle)} to settle"


def failed(matrix: Matrix, values: Sequence[Link], host: HostState, status: HostStatus, again: bool) -> str:
    """The report itself."""
    pairs = list(zip(matrix.sequence, values, strict=True))
    down = [name for name, value in pairs if value is Link.DOWN]
    unknown = matrix.missing(values)
    why = f"it is down on {join(down)}, and the matrix asks for recovery"
    if unknown:
        why += f" whatever {join(unknown)} may be"
    if host.power is Power.OFF:
        why += "; it is proven off"
    elif status is HostStatus.UNKNOWN:
        why += "; nothing proves that it is off, so masakari is told UNKNOWN until something does"
    return f"{why} (sent again: its first report may never have arrived)" if again else why


def awaiting_proof(host: HostState) -> str:
    """Down, but nobody has shown that it is off."""
    if host.power is Power.ON:
        return "held: it is down, but its power is on; waiting for proof that it is off"
    return "held: it is down; waiting for proof that it is off"


def storm(found: Storm, known: int, policy: GuardPolicy) -> str:
    """Too many at once."""
    limit = policy.of(found.scope)
    where = "" if found.scope == EVERYWHERE else f" of the domain {found.scope}"
    return (
        f"{len(found.failed)} of {known} hosts{where} failed within {seconds(policy.window)}, more than "
        f"{limit:g} %: their reports are held until nothing changes for {seconds(policy.hold)}"
    )


def storm_holds(found: Storm) -> str:
    """One of its hosts."""
    return (
        f"held: {len(found.failed)} hosts failed together ({found.scope}); is it the network, or the watcher?"
    )


def storm_over(released: bool, policy: GuardPolicy) -> str:
    """How it ended."""
    if released:
        return f"nothing has changed for {seconds(policy.hold)}: the failures are taken as real and reported"
    return "none of its hosts is held any more"


def left_long(after: float) -> str:
    """Gone for good?"""
    return f"it left by itself more than {seconds(after)} ago and has not come back: nothing watches it"


def long_maintenance(after: float) -> str:
    """Forgotten, probably."""
    return f"it has been on maintenance in masakari for {seconds(after)}: high availability is off for it"

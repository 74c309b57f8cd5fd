"""masakari-api, asked as a monitor asks it: is there a token and an endpoint, is this host known by its name, is the
time right?

In: the client that a monitor would use. Out: findings. Only lists are read, nothing is sent.
"""

import datetime
from collections.abc import Sequence

from masakarimonitors.core.finding import Finding, fault, ok, warning
from masakarimonitors.masakari_api import LookupFailed, MasakariApi
from masakarimonitors.masakari_lists import Segment, SegmentHost, hosts_of, segments
from masakarimonitors.receiver.store import SEGMENT
from masakarimonitors.system.clock import Clock

_APART = 5.0
"""Seconds by which this host's clock may differ from masakari-api's: both are read to a second, and an answer takes its
time."""
_WINDOW = 180.0
"""Seconds within which masakari takes a report like an earlier one for the same (its
`duplicate_notification_detection_interval`, by default)."""
_SHOWN = 5


async def look(api: MasakariApi, hostname: str, clock: Clock) -> list[Finding]:
    """Everything in order, or what is not; each question has the client's own time-out."""
    try:
        where = await api.locate()
    except LookupFailed as error:
        return [
            fault(
                f"masakari-api is out of reach: {error}. Nothing could be reported. Look at [api]: auth_url, the "
                "user and its password, project_name and both domains, region, endpoint_override"
            )
        ]
    try:
        known = await segments(api)
        seen = clock.now().wall
        hosts = [host for segment in known for host in await hosts_of(api, segment)]
    except LookupFailed as error:
        return [
            fault(
                f"masakari-api gave no usable answer: {error}. Nothing can be reported while that is so: the endpoint "
                f"is {where}"
            )
        ]
    return [
        ok(f"masakari-api answers at {where}"),
        *timely(api.date, seen),
        *standing(hostname, known, hosts),
    ]


def standing(hostname: str, known: Sequence[Segment], hosts: Sequence[SegmentHost]) -> list[Finding]:
    """Whether masakari would recover this host: it is in a segment under exactly this name, and HA is on for it."""
    found = next((host for host in hosts if host.name == hostname), None)
    if found is None:
        if any(segment.uuid == SEGMENT for segment in known):
            return [
                warning(
                    "this is `masakari-monitors receiver`, no masakari-api: it takes reports of every host and "
                    "recovers none"
                )
            ]
        return [_unknown(hostname, known, hosts)]
    findings = [ok(f"masakari-api knows {hostname} in segment {found.segment.name}")]
    if found.on_maintenance:
        findings.append(
            warning(
                f"{hostname} is on maintenance in masakari: high availability is off for it, and every report about it "
                "is refused. If it is well, take its on_maintenance flag back (openstack segment host update)"
            )
        )
    if not found.segment.enabled:
        findings.append(
            warning(
                f"segment {found.segment.name} is disabled: masakari accepts reports about its hosts and recovers "
                "nothing. Enable it (openstack segment update) if that is not meant"
            )
        )
    return findings


def _unknown(hostname: str, known: Sequence[Segment], hosts: Sequence[SegmentHost]) -> Finding:
    text = (
        f"masakari-api answers, but {hostname} is in none of its {len(known)} segments: it would refuse every report. "
        "Register the host, or set [DEFAULT] hostname to the registered name"
    )
    near = [
        f"{host.name} in segment {host.segment.name} ({why})"
        for host in hosts
        if (why := nearly(hostname, host.name))
    ]
    return fault(f"{text}. Nearly so called: {', '.join(near[:_SHOWN])}" if near else text)


def nearly(ours: str, theirs: str) -> str:
    """How two names of what may be one host differ; empty where they are names of two."""
    one, other = ours.casefold(), theirs.casefold()
    if one == other:
        return "other capital letters"
    if one.partition(".")[0] != other.partition(".")[0]:
        return ""
    if "." not in one:
        return "with its domain"
    return "without its domain" if "." not in other else "in another domain"


def timely(theirs: datetime.datetime | None, ours: datetime.datetime) -> list[Finding]:
    """How this host's clock stands to that of masakari-api (both aware), as its last answer told it."""
    if theirs is None:
        return [
            warning("masakari-api does not tell the time (no Date in its answers): clocks are not compared")
        ]
    apart = (ours - theirs).total_seconds()
    if abs(apart) <= _APART:
        return [ok("this host's clock agrees with that of masakari-api")]
    text = (
        f"this host's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} that of masakari-api. Mend "
        "it (chrony, systemd-timesyncd)"
    )
    if abs(apart) <= _WINDOW:
        return [warning(text)]
    return [
        fault(
            f"{text}: masakari compares the times of reports, and takes one for a repetition of an earlier one, or for "
            "too old, by them"
        )
    ]

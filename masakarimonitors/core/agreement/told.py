"""One report in the words of the comparison, whoever has made it; pure.

In: a notification's parts, ours or as masakari lists them. Out: a `Statement`. What is of a kind that this project does
not know is taken by its own words, never left out.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from masakarimonitors.core.notification import (
    ENGINE_ACTS_ON,
    HostEvent,
    HostNotification,
    Notification,
    ProcessNotification,
    VmNotification,
)

FAILED, BACK = "failed", "is back"
"""What most reports say of their subject; any other says it in masakari's words."""

GUEST_SILENT = "QEMU_GUEST_AGENT_ERROR"
"""The event of the introspective monitor, which shares masakari's type with the instance monitor."""

_SENSES = {HostEvent.STOPPED.value: FAILED, HostEvent.STARTED.value: BACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What was said of one subject `at` that generated_time (aware). `sense`: what reports are compared by, `says`:
    masakari's own words, `uuid`: masakari's of it, empty of what nobody has sent."""

    subject: str
    sense: str
    says: str
    at: datetime.datetime
    uuid: str = ""

    def means(self, other: "Statement") -> bool:
        """Whether both say the same of the same; masakari on MariaDB takes a host's name in any case of its letters."""
        return (self.subject.casefold(), self.sense) == (other.subject.casefold(), other.sense)


def subject_of(subject: str) -> str:
    """A monitor's name of a subject, as masakari can know it: of a process without the folders before its name."""
    kind, _, name = subject.partition(":")
    return f"{kind}:{name.rsplit('/', 1)[-1][:255]}" if kind == "process" else subject


def of(notification: Notification, uuid: str = "") -> Statement:
    """Of one of ours."""
    return listed(
        notification.type,
        notification.hostname,
        notification.payload,
        notification.generated_time,
        uuid,
    )


def listed(
    kind: str, hostname: str, payload: Mapping[str, object], at: datetime.datetime, uuid: str
) -> Statement:
    """Of a notification of that type about that host."""
    event = str(payload.get("event"))
    match kind:
        case VmNotification.type:
            detail = str(payload.get("vir_domain_event"))
            subject, says = f"vm:{payload.get('instance_uuid')}", f"{event} {detail}"
            sense = FAILED if (event, detail) in ENGINE_ACTS_ON else says
        case HostNotification.type:
            subject = f"host:{hostname}"
            says = " ".join(str(payload.get(key)) for key in ("event", "cluster_status", "host_status"))
            sense = _SENSES.get(event, event)
        case ProcessNotification.type:
            subject, says = f"process:{payload.get('process_name')}", event
            sense = _SENSES.get(event, event)
        case _:
            subject, says, sense = f"{kind}:{hostname}", event, event
    return Statement(subject=subject_of(subject), sense=sense, says=says, at=at, uuid=uuid)

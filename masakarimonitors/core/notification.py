"""Typed notifications and their wire form, and what may become of one; nothing else builds one.

A decision makes one of the three kinds below; the outbox keeps its wire form; masakari_api sends
it. The wire form is masakari-api's v1 `POST /notifications` contract: exactly these keys, no more.
A notification in the outbox is a report; how it ended comes back to the monitor as `Settled`.
"""

import datetime
import re
from dataclasses import KW_ONLY, dataclass
from enum import Enum, StrEnum
from typing import Any

ENGINE_ACTS_ON = frozenset(
    {
        ("LIFECYCLE", "STOPPED_FAILED"),
        ("QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED"),
        ("IO_ERROR", "IO_ERROR_REPORT"),
    }
)
"""The words about an instance on which masakari's engine acts: it stops the instance and starts it. Others it files."""

HOSTNAME = re.compile(r"[a-zA-Z0-9._-]{1,255}\Z")
"""What masakari-api accepts as a host's name (matched from the start); no host of another name can be reported."""


class HostEvent(StrEnum):
    """What happened to a host or a process."""

    STARTED = "STARTED"
    STOPPED = "STOPPED"


class ClusterStatus(StrEnum):
    """Whether the cluster layer still counts the host as a member."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


class HostStatus(StrEnum):
    """Whether the host's state is proven. masakari's engine acts on STOPPED only when it is NORMAL."""

    NORMAL = "NORMAL"
    UNKNOWN = "UNKNOWN"


class ReportStatus(StrEnum):
    """What became of a notification; only PENDING is still offered to the API."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    WOULD_BE_SENT = "would be sent"
    """Of a shadow, which sends nothing: this is what would have been sent."""


class Leave(Enum):
    """Whether a report may leave for masakari at one moment, as its monitor sees it then."""

    NOW = "it may"
    LATER = "not now: its monitor takes it back within moments, or stands by it again"
    SILENCED = "somebody has silenced its subject until a time"
    NEVER = "it is not its monitor's report any more"


@dataclass(frozen=True, slots=True)
class _Notification:
    hostname: str
    generated_time: datetime.datetime

    def __post_init__(self) -> None:
        """Refuse what masakari-api would refuse, at the place that made it."""
        if not HOSTNAME.match(self.hostname):
            raise ValueError(f"hostname {self.hostname!r} is not 1-255 of [a-zA-Z0-9-._]")
        if self.generated_time.tzinfo is None:
            raise ValueError("generated_time must be an aware datetime")


@dataclass(frozen=True, slots=True, kw_only=True)
class VmNotification(_Notification):
    """An instance on `hostname` had `event` with detail `vir_domain_event` (libvirt's words, upper case)."""

    event: str
    instance_uuid: str
    vir_domain_event: str

    type = "VM"

    @property
    def subject(self) -> str:
        """Order is kept, and recovery withdraws, per subject."""
        return f"vm:{self.instance_uuid}"

    @property
    def payload(self) -> dict[str, str]:
        """The payload on the wire."""
        return {
            "event": self.event,
            "instance_uuid": self.instance_uuid,
            "vir_domain_event": self.vir_domain_event,
        }

    @property
    def is_acted_on(self) -> bool:
        """Whether masakari's engine recovers the instance because of it."""
        return (self.event, self.vir_domain_event) in ENGINE_ACTS_ON

    @property
    def is_death(self) -> bool:
        """Whether it says that the instance, or its guest, is dead."""
        return self.is_acted_on and self.vir_domain_event == "STOPPED_FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNotification(_Notification):
    """The host `hostname` stopped or started; NORMAL only when that is proven."""

    event: HostEvent
    cluster_status: ClusterStatus
    host_status: HostStatus

    type = "COMPUTE_HOST"

    @property
    def is_acted_on(self) -> bool:
        """Whether masakari's engine evacuates the host because of it."""
        return self.event is HostEvent.STOPPED and self.host_status is HostStatus.NORMAL

    @property
    def subject(self) -> str:
        """Order is kept, and recovery withdraws, per subject."""
        return f"host:{self.hostname}"

    @property
    def payload(self) -> dict[str, str]:
        """The payload on the wire."""
        return {
            "event": self.event.value,
            "cluster_status": self.cluster_status.value,
            "host_status": self.host_status.value,
        }


@dataclass(frozen=True, slots=True)
class ProcessNotification(_Notification):
    """The process `process_name` on `hostname` stopped and could not be restarted."""

    event: HostEvent
    process_name: str

    type = "PROCESS"

    @property
    def is_acted_on(self) -> bool:
        """Whether masakari's engine takes the host out of service because of it."""
        return self.event is HostEvent.STOPPED

    @property
    def subject(self) -> str:
        """Order is kept, and recovery withdraws, per subject."""
        return f"process:{self.process_name}"

    @property
    def payload(self) -> dict[str, str]:
        """The payload on the wire: the name is what follows the last slash."""
        return {"event": self.event.value, "process_name": self.process_name.rsplit("/", 1)[-1][:255]}


Notification = VmNotification | HostNotification | ProcessNotification


@dataclass(frozen=True, slots=True)
class Settled:
    """The report about `subject` has ended, as `status` says; it is never PENDING.

    `notification` is what was said; a process may have lost the path before its name on the way. `made_at`:
    the generated_time with which the decision made the report, also when it was offered with a later one
    (None: the notification's own). `answer`: masakari's last words about it, empty without any. `doubted`: masakari may
    have it all the same, by an earlier try whose answer was lost.
    """

    subject: str
    notification: Notification
    status: ReportStatus
    _: KW_ONLY
    made_at: datetime.datetime | None = None
    answer: str = ""
    doubted: bool = False


def to_wire(notification: Notification) -> dict[str, Any]:
    """The JSON body of `POST /notifications`."""
    wall = notification.generated_time.astimezone(datetime.UTC)
    return {
        "notification": {
            "type": notification.type,
            "hostname": notification.hostname,
            # Naive ISO-8601 is what deployed consumers have always been sent; the API reads it as UTC.
            "generated_time": wall.replace(tzinfo=None).isoformat(timespec="microseconds"),
            "payload": notification.payload,
        }
    }


def from_wire(wire: Any) -> Notification:
    """The notification of which `to_wire` made this; raises ValueError for anything else.

    A process's name is on the wire only as what follows its last slash, and so comes back as that.
    """
    try:
        told = wire["notification"]
        payload = told["payload"]
        stamp = datetime.datetime.fromisoformat(told["generated_time"])
        place = (told["hostname"], stamp if stamp.tzinfo else stamp.replace(tzinfo=datetime.UTC))
        match told["type"]:
            case VmNotification.type:
                return VmNotification(
                    *place,
                    event=payload["event"],
                    instance_uuid=payload["instance_uuid"],
                    vir_domain_event=payload["vir_domain_event"],
                )
            case HostNotification.type:
                return HostNotification(
                    *place,
                    event=HostEvent(payload["event"]),
                    cluster_status=ClusterStatus(payload["cluster_status"]),
                    host_status=HostStatus(payload["host_status"]),
                )
            case ProcessNotification.type:
                return ProcessNotification(*place, HostEvent(payload["event"]), payload["process_name"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no notification: {type(error).__name__}: {error}") from error
    raise ValueError(f"no notification: its type is {told['type']!r}")

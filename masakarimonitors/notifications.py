"""Typed notifications and their wire form; nothing else builds one.

A decision makes one of the three kinds below; the outbox keeps its wire form; masakari_api sends
it. The wire form is masakari-api's v1 `POST /notifications` contract: exactly these keys, no more.
"""

import datetime
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_HOSTNAME = re.compile(r"[a-zA-Z0-9._-]{1,255}\Z")


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


@dataclass(frozen=True, slots=True)
class _Notification:
    hostname: str
    generated_time: datetime.datetime

    def __post_init__(self) -> None:
        """Refuse what masakari-api would refuse, at the place that made it."""
        if not _HOSTNAME.match(self.hostname):
            raise ValueError(f"hostname {self.hostname!r} is not 1-255 of [a-zA-Z0-9-._]")
        if self.generated_time.tzinfo is None:
            raise ValueError("generated_time must be an aware datetime")


@dataclass(frozen=True, slots=True)
class VmNotification(_Notification):
    """A machine on `hostname` had `event` with detail `vir_domain_event` (libvirt's words, upper case)."""

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


@dataclass(frozen=True, slots=True)
class HostNotification(_Notification):
    """The host `hostname` stopped or started; NORMAL only when that is proven."""

    event: HostEvent
    cluster_status: ClusterStatus
    host_status: HostStatus

    type = "COMPUTE_HOST"

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
    def subject(self) -> str:
        """Order is kept, and recovery withdraws, per subject."""
        return f"process:{self.process_name}"

    @property
    def payload(self) -> dict[str, str]:
        """The payload on the wire: the name is what follows the last slash."""
        return {"event": self.event.value, "process_name": self.process_name.rsplit("/", 1)[-1][:255]}


Notification = VmNotification | HostNotification | ProcessNotification


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

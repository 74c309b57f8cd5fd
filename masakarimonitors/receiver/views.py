"""The JSON that the receiver answers with, in masakari-api's shapes."""

import datetime
from typing import Any

from aiohttp import web

from masakarimonitors.receiver.store import SEGMENT, Accepted, Host

_FAULT_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
_NEVER_CHANGED = {"updated_at": None, "deleted_at": None, "deleted": False}

SEGMENT_VIEW: dict[str, Any] = {
    "id": 1,
    "uuid": SEGMENT,
    "name": "embedded-receiver",
    "service_type": "COMPUTE",
    "enabled": False,
    "description": "Every host that reports to the embedded receiver; nothing is recovered.",
    "recovery_method": "auto",
    "created_at": None,
    **_NEVER_CHANGED,
}


def json_response(body: dict[str, Any], status: int = 200) -> web.Response:
    """One JSON answer."""
    return web.json_response(body, status=status, headers={"OpenStack-API-Version": "instance-ha 1.0"})


def fault(status: int, message: str) -> web.Response:
    """An error body: its one key names the kind of fault."""
    return json_response(
        {_FAULT_NAMES.get(status, "masakariFault"): {"code": status, "message": message}}, status
    )


def notification(row: Accepted) -> dict[str, Any]:
    """One notification; nobody works on it, so its status is always `new`."""
    return {
        "id": row.id,
        "notification_uuid": row.uuid,
        "generated_time": _time(row.generated_time),
        "source_host_uuid": row.host_uuid,
        "type": row.type,
        "payload": dict(row.payload),
        "status": "new",
        "failover_segment_uuid": SEGMENT,
        "message": None,
        "created_at": _time(row.created_at),
        **_NEVER_CHANGED,
    }


def host(row: Host) -> dict[str, Any]:
    """One host with its segment."""
    return {
        "id": row.id,
        "uuid": row.uuid,
        "name": row.name,
        "failover_segment_id": SEGMENT,
        "failover_segment": SEGMENT_VIEW,
        "reserved": False,
        "on_maintenance": row.on_maintenance,
        "control_attributes": "none",
        "type": "COMPUTE",
        "created_at": _time(row.created_at),
        **_NEVER_CHANGED,
    }


def version(origin: str) -> dict[str, Any]:
    """The one version, for clients that look before they speak."""
    return {
        "id": "v1.0",
        "status": "CURRENT",
        "version": "1.0",
        "min_version": "1.0",
        "links": [{"rel": "self", "href": f"{origin}/v1/"}],
    }


def _time(moment: datetime.datetime) -> str:
    """As the API prints times: UTC without saying so."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")

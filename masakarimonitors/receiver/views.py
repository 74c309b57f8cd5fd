"""What the receiver is asked for and what it answers, in masakari-api's shapes: a query string in, JSON out.

Lists are cut into pages as masakari-api cuts them: newest first, `limit` items, after the one whose integer
`id` is the `marker`.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from masakarimonitors.receiver.schema import Invalid, parse_time
from masakarimonitors.receiver.store import SEGMENT, Accepted, Host, Query

VERSION_HEADER = "OpenStack-API-Version"
PAGE_LIMIT = 1000
"""Items in one answer; masakari's `osapi_max_limit` by default."""
_OLDEST, _NEWEST = (1, 0), (1, 3)
"""The microversions that masakari 22 speaks; the items of a list look the same in all of them."""
_FAULT_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    406: "masakariFault",
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
    "enabled": True,
    "description": "Every host that reports to the embedded receiver; nothing is recovered.",
    "recovery_method": "auto",
    "created_at": None,
    **_NEVER_CHANGED,
}


def wanted(query: Mapping[str, str]) -> Query:
    """The filters of a list of notifications, without their status; raises Invalid."""
    since = query.get("generated-since")
    return Query(
        type=_optional(query.get("type")),
        host_uuid=_optional(query.get("source_host_uuid")),
        hostname=_optional(query.get("hostname")),
        generated_since=None if since is None else parse_time(since, "generated-since"),
        before=None if "marker" not in query else _marker(query["marker"]),
        limit=_limit(query),
    )


def page(
    items: Sequence[dict[str, Any]], query: Mapping[str, str], longest: int = PAGE_LIMIT
) -> list[dict[str, Any]]:
    """The part of a list that is asked for; `items` newest first, each with its integer `id`. Raises Invalid."""
    limit = min(_limit(query), longest)
    if limit == 0 or "marker" not in query:
        return list(items[:limit])
    marker = _marker(query["marker"])
    for place, item in enumerate(items):
        if item["id"] == marker:
            return list(items[place + 1 : place + 1 + limit])
    raise no_marker(query["marker"])


def no_marker(text: str) -> Invalid:
    """What is wrong with a marker that is no item's `id`."""
    return Invalid(f"Marker {text} could not be found.")


def version_asked(headers: Mapping[str, str]) -> tuple[str, web.Response | None]:
    """The microversion in which to answer, and the refusal of one that is not spoken."""
    asked = re.search(r"(?:^|,)\s*instance-ha\s+(\S+?)\s*(?:,|$)", headers.get(VERSION_HEADER, ""))
    text = asked[1] if asked else "1.0"
    if text == "latest":
        return _dotted(_NEWEST), None
    if not re.fullmatch(r"[1-9]\d*\.(0|[1-9]\d*)", text, re.ASCII):
        words = "is of invalid format. Must be of format MajorNum.MinorNum."
        return "", fault(400, f"API Version String {text} {words}")
    major, minor = text.split(".")
    if not _OLDEST <= (int(major), int(minor)) <= _NEWEST:
        bounds = f"Minimum is {_dotted(_OLDEST)} and maximum is {_dotted(_NEWEST)}."
        return "", fault(406, f"Version {text} is not supported by the API. {bounds}")
    return text, None


def plain(text: str) -> str:
    """Text that SQLite can take: a request may carry lone surrogates, which match nothing anyway."""
    return text.encode("utf-8", "backslashreplace").decode()


def json_response(body: dict[str, Any], status: int = 200) -> web.Response:
    """One JSON answer."""
    return web.json_response(body, status=status)


def fault(status: int, message: str) -> web.Response:
    """An error body: its one key names the kind of fault."""
    return json_response(
        {_FAULT_NAMES.get(status, "masakariFault"): {"code": status, "message": message}}, status
    )


def notification(
    row: Accepted, status: str = "new", updated: datetime.datetime | None = None
) -> dict[str, Any]:
    """One notification; `status` as of `updated` (None: since it was accepted)."""
    return {
        "id": row.id,
        "notification_uuid": row.uuid,
        "generated_time": _time(row.generated_time),
        "source_host_uuid": row.host_uuid,
        "type": row.type,
        "payload": dict(row.payload),
        "status": status,
        "failover_segment_uuid": SEGMENT,
        "message": None,
        "created_at": _time(row.created_at),
        **_NEVER_CHANGED,
        "updated_at": None if updated is None else _time(updated),
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
        "version": _dotted(_NEWEST),
        "min_version": _dotted(_OLDEST),
        "links": [{"rel": "self", "href": f"{origin}/v1/"}],
    }


def _time(moment: datetime.datetime) -> str:
    """As the API prints times: UTC without saying so."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def _optional(text: str | None) -> str | None:
    return None if text is None else plain(text)


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(PAGE_LIMIT))
    if not re.fullmatch(r"[+-]?\d{1,4000}", text, re.ASCII):
        raise Invalid("Invalid input received: limit must be an integer")
    if int(text) < 0:
        raise Invalid("Invalid input received: limit must be >= 0")
    return min(int(text), PAGE_LIMIT)


def _marker(text: str) -> int:
    # What SQLite can hold; an id beyond it is nobody's.
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise no_marker(text)
    return int(text)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

"""What a notification must look like to be accepted; pure.

In comes the decoded JSON body of `POST /notifications`, out goes a `Report`, or `Invalid` with a
sentence for the caller. The rules are those that masakari 22.0.0 was seen to enforce; the contract
tests hold this module and the real service side by side.
"""

import datetime
import re
import uuid
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import cast

import iso8601

from masakarimonitors.core.notification import HOSTNAME

PROCESS, VM, COMPUTE_HOST = "PROCESS", "VM", "COMPUTE_HOST"

_PAYLOAD_KEY = re.compile(r"[a-zA-Z0-9-_:. ]{1,255}\Z")
_EVENT = ("STARTED", "STOPPED")
_LONGEST = 255
"""Characters of any one payload value; the cap of the API, whatever the field."""


class Invalid(ValueError):
    """The request is refused with 400; the text says which field was wrong, and how."""


@dataclass(frozen=True, slots=True)
class Report:
    """One valid notification as it came in; `generated_time` is aware UTC."""

    type: str
    hostname: str
    generated_time: datetime.datetime
    payload: Mapping[str, str]


def parse(body: object) -> Report:
    """The report in a request body; raises `Invalid` for whatever masakari-api answers with 400."""
    outer = _exact(body, "the request body", {"notification"})
    fields = _exact(outer["notification"], "notification", {"type", "hostname", "generated_time", "payload"})
    kind = _text(fields["type"], "type")
    if kind not in _PAYLOADS:
        raise Invalid(f"type {kind!r} is not one of {', '.join(_PAYLOADS)}")
    hostname = _text(fields["hostname"], "hostname")
    if not HOSTNAME.match(hostname):
        raise Invalid(f"hostname {hostname!r} is not 1 to 255 characters of a-z, A-Z, 0-9, '-', '.', '_'")
    moment = parse_time(_text(fields["generated_time"], "generated_time"), "generated_time")
    payload = _strings(fields["payload"])
    _PAYLOADS[kind](payload)
    return Report(kind, hostname, moment, payload)


def parse_time(text: str, field: str) -> datetime.datetime:
    """An ISO-8601 moment as aware UTC, read as generously as the API reads it; naive means UTC."""
    try:
        return iso8601.parse_date(text).astimezone(datetime.UTC)
    except (iso8601.ParseError, OverflowError) as error:
        raise Invalid(f"{field} {text!r} is not an ISO-8601 date and time") from error


def _process(payload: Mapping[str, str]) -> None:
    _keys(payload, required={"event", "process_name"})
    _one_of(payload, "event", _EVENT)
    _filled(payload, "process_name")


def _vm(payload: Mapping[str, str]) -> None:
    _keys(payload, required={"event", "instance_uuid", "vir_domain_event"})
    _filled(payload, "event")
    _filled(payload, "vir_domain_event")
    if not _is_uuid(payload["instance_uuid"]):
        raise Invalid(f"instance_uuid {payload['instance_uuid']!r} is not a UUID")


def _compute_host(payload: Mapping[str, str]) -> None:
    _keys(payload, required={"event"}, optional={"cluster_status", "host_status"})
    _one_of(payload, "event", _EVENT)
    _one_of(payload, "cluster_status", ("ONLINE", "OFFLINE"))
    _one_of(payload, "host_status", ("NORMAL", "UNKNOWN"))


_PAYLOADS = {COMPUTE_HOST: _compute_host, VM: _vm, PROCESS: _process}


def _exact(value: object, name: str, keys: set[str]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Invalid(f"{name} is not an object")
    mapping = cast(dict[str, object], value)
    _keys(mapping, required=keys)
    return mapping


def _keys(mapping: Mapping[str, object], *, required: Set[str], optional: Set[str] = frozenset()) -> None:
    if missing := required - mapping.keys():
        raise Invalid(f"required: {', '.join(sorted(missing))}")
    if unexpected := mapping.keys() - required - optional:
        raise Invalid(f"not allowed: {', '.join(sorted(map(repr, unexpected)))}")


def _strings(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise Invalid("payload is not an object")
    for key, text in value.items():
        if not _PAYLOAD_KEY.match(key):
            raise Invalid(f"not allowed: {key!r}")
        if len(_text(text, key)) > _LONGEST:
            raise Invalid(f"{key} is longer than {_LONGEST} characters")
    return cast(dict[str, str], value)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{field} {value!r} is not a string")
    return value


def _filled(payload: Mapping[str, str], key: str) -> None:
    if not payload[key]:
        raise Invalid(f"{key} is empty")


def _one_of(payload: Mapping[str, str], key: str, words: tuple[str, ...]) -> None:
    if key in payload and payload[key] not in words:
        raise Invalid(f"{key} {payload[key]!r} is not one of {', '.join(words)}")


def _is_uuid(text: str) -> bool:
    """As oslo.utils' `is_uuid_like`: hyphens, braces, case and the urn prefix do not matter."""
    plain = text.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "").lower()
    try:
        return str(uuid.UUID(text)).replace("-", "") == plain
    except ValueError:
        return False

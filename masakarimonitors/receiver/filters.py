"""What a reader of `GET /notifications` asks for: the query string in, a `Query` out; pure."""

from collections.abc import Mapping

from masakarimonitors.receiver.schema import Invalid, parse_time
from masakarimonitors.receiver.store import Query

_PAGE_LIMIT = 1000
"""Notifications in one answer; masakari's `osapi_max_limit`."""


def wanted(query: Mapping[str, str]) -> Query | None:
    """The filters of a list request; None when nothing can match; raises Invalid."""
    if query.get("status", "new") != "new":
        return None  # nothing is ever worked on here, so every notification stays new
    since = query.get("generated-since")
    return Query(
        type=_optional(query.get("type")),
        host_uuid=_optional(query.get("source_host_uuid")),
        hostname=_optional(query.get("hostname")),
        generated_since=None if since is None else parse_time(since, "generated-since"),
        before=None if "marker" not in query else _count(query["marker"], "marker"),
        limit=min(_PAGE_LIMIT, _count(query.get("limit", str(_PAGE_LIMIT)), "limit")),
    )


def plain(text: str) -> str:
    """Text that SQLite can take: a request may carry lone surrogates, which match nothing anyway."""
    return text.encode("utf-8", "backslashreplace").decode()


def _optional(text: str | None) -> str | None:
    return None if text is None else plain(text)


def _count(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(f"{name} must be an integer >= 0")
    return int(text)

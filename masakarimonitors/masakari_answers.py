"""What an answer of masakari-api means: for the report that was offered, one of a closed set of outcomes. Pure.

In: a number and a text, of masakari-api (v1) or of whatever else has answered. Out: the outcome, and the words of the
answer for people, on one line of bounded length.
"""

import json
from dataclasses import dataclass
from typing import Any

LENGTH = 500
"""Characters of an answer, or of a fault, that are told."""
STRANGE = "masakari-api does not answer like this; is the endpoint of service instance-ha right?"
"""What is said beside an answer that masakari-api would not give."""
_FAILS = "masakari-api does not work: see its log, its database and its message queue"


@dataclass(frozen=True, slots=True)
class Delivered:
    """202: accepted. `uuid`: masakari's of the notification, `host_uuid` of its host; empty where it did not say."""

    answer: str
    uuid: str = ""
    host_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """409: the API has had the same report within its duplicate window."""

    answer: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The API will not take this report however often it is offered; `why` says what to do.

    `maintenance`: it takes no report of this host at all, because the host is on maintenance there.
    """

    answer: str
    why: str
    maintenance: bool = False


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No verdict on this report. `maybe_accepted`: it may have arrived all the same.

    `row_only`: what failed may be this report alone, others are offered as ever. `slow`: asking soon is no use.
    """

    answer: str
    maybe_accepted: bool
    row_only: bool = False
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Wordless(Unreachable):
    """A number with which masakari-api answers where it has the report, or its like, but none of its words.

    It may be masakari-api behind a gateway that keeps them, or a gateway that takes everything: what masakari lists
    tells.
    """


@dataclass(frozen=True, slots=True)
class NotSent:
    """It was not to be sent any more when it could have been: nothing has left this host."""


@dataclass(frozen=True, slots=True)
class WouldBeSent:
    """There is no far end: a shadow's report ends here. `answer` says so."""

    answer: str


Outcome = Delivered | Duplicate | Refused | Unreachable | NotSent | WouldBeSent


def judge(status: int, text: str) -> Outcome:
    """What an HTTP answer means for the notification that was offered (masakari-api v1)."""
    answer = f"{status} {words_of(text)}".strip()
    said = _parsed(text).get("notification")
    if status in (200, 201, 202) and isinstance(said, dict):
        return Delivered(
            answer, str(said.get("notification_uuid") or ""), str(said.get("source_host_uuid") or "")
        )
    if 200 <= status < 300:
        # A gateway that takes everything, or masakari-api's own without its words: its notifications tell which.
        return Wordless(f"{answer} ({STRANGE})", maybe_accepted=True)
    if status == 409:
        # Only the words tell the two apart, and a host's own name may hold either word: no name has a space.
        if "under maintenance" in text:
            return Refused(
                answer,
                "the host is on maintenance in masakari: high availability is off for it until its "
                "on_maintenance flag is taken back",
                maintenance=True,
            )
        if "duplicate" in text.lower():
            return Duplicate(answer)
        return Wordless(f"{answer} ({STRANGE})", maybe_accepted=False, row_only=True)
    if status == 400 and envelope(text) == "badRequest":
        return Refused(
            answer,
            "a configuration fault: the hostname must be registered in a failover segment, exactly as "
            "[DEFAULT] hostname says it",
        )
    if status in (401, 407):
        return Unreachable(f"{answer} (the credentials in [api] were not accepted)", maybe_accepted=False)
    if status == 403:
        return Unreachable(
            f"{answer} (the user of [api] lacks the role that may post notifications)",
            maybe_accepted=False,
            slow=True,
        )
    if status == 404:
        return Unreachable(f"{answer} (is the endpoint of service instance-ha right?)", maybe_accepted=False)
    if status in (408, 425, 429, 502, 503, 504):
        # 503 is no proof: some proxies say so, too, of a connection that ended after the request had gone.
        return Unreachable(answer, maybe_accepted=status in (408, 502, 503, 504))
    if status >= 500:
        return Unreachable(f"{answer} ({_FAILS})", maybe_accepted=True, row_only=True)
    if status in (413, 415):
        return Refused(answer, "an answer that this report should never meet; look at the API's log")
    # A redirect, a web server's own page, another service: whatever answered is not masakari-api, and has
    # no say over the report.
    return Unreachable(f"{answer} ({STRANGE})", maybe_accepted=False)


def _parsed(text: str) -> dict[str, Any]:
    """An answer's JSON object; an empty one when it is none."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def envelope(text: str) -> str:
    """The one key that wraps each of masakari-api's answers, or nothing when it is no such answer."""
    return str(next(iter(_parsed(text)), ""))


def _inside(text: str) -> dict[str, Any]:
    """What the one key of an answer wraps; nothing when it is no such answer."""
    inner = next(iter(_parsed(text).values()), None)
    return inner if isinstance(inner, dict) else {}


def words_of(text: str | None) -> str:
    """The API's own words, out of its JSON envelope, on one line and of bounded length."""
    words = text or ""
    said = _inside(words)
    words = str(said.get("message") or said.get("notification_uuid") or words)
    return " ".join(words.split())[:LENGTH]

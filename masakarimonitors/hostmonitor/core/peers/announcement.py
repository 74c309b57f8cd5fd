"""What the monitor of one host tells the others of itself: few words, of bounded size, and with the time.

Pure. In: how a monitor is. Out: the bytes that stand in the store that all share, and back. Whoever may write there may
write anything, so what is read is bounded and printable, or it is nothing. It is a statement about the moment at which
it was made, and counts for so long alone: see `differences.py`.
"""

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from masakarimonitors.core.outside import read_json
from masakarimonitors.core.printable import printable
from masakarimonitors.hostmonitor.core.state import Policy

LARGEST = 4096
"""Bytes that are read at most of one; ours have some 500."""
SCHEME = 1
"""How the digests of rules are made. Those of another scheme are compared with nothing."""

_NAMES = 8
"""Views that are named; of more only the number is told."""
_WORD = 64
"""Characters of a name or a version."""
_COUNT = 1_000_000_000
_END = 1 << 33
"""The last second that is understood, in the year 2242."""
_DIGITS = 10
"""Hexadecimal ones of a digest: a chance of one in 10^12 that two that differ look alike."""


class Says(StrEnum):
    """How a monitor says that it is: the words of its health."""

    OK = "ok"
    DEGRADED = "degraded"
    BLIND = "blind"


class Part(StrEnum):
    """The rules, in parts that an operator knows by name."""

    DRIVER = "driver"
    MATRIX = "matrix"
    SAMPLES = "samples"
    SETTLING = "settling"
    PROOF = "proof"
    REPORTER = "reporter"
    SEGMENTS = "segments"
    STORMS = "storms"
    DOMAINS = "failure domains"
    SILENCES = "silences"


OPTIONS: Mapping[Part, Sequence[str]] = {
    Part.DRIVER: ("[host] monitoring_driver",),
    Part.MATRIX: ("[consul] matrix_config_file",),
    Part.SAMPLES: ("[host] monitoring_samples", "[host] sample_interval"),
    Part.SETTLING: ("[host] settle_time", "[host] unproven_settle_time"),
    Part.PROOF: ("[host] disable_ipmi_check", "[host] ipmi_retry_max", "[host] ipmi_retry_interval"),
    Part.REPORTER: ("[host] reporter",),
    Part.SEGMENTS: ("[host] segment_lookup",),
    Part.STORMS: (
        "[host] storm_threshold",
        "[host] storm_domain_threshold",
        "[host] storm_window",
        "[host] storm_hold",
    ),
    Part.DOMAINS: ("[host] failure_domains_file",),
    Part.SILENCES: ("[DEFAULT] longest_silence",),
}
"""Where each part of the rules comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What the monitor of the host `node` says of itself; times are aware.

    `started`: since when it runs; `told`: when it said this. `rules`: a digest of each part of its rules, empty where
    that is of another scheme. `reporter`: the node that reports, as far as it knows, or empty; `reports`: that it does
    itself. `health`: in one word. `blind`: views that are not proven, the first of them, and `more`: how many
    others. `pending`: reports that wait, and `oldest`: when the oldest of these was made.
    """

    node: str
    version: str
    started: datetime.datetime
    told: datetime.datetime
    rules: Mapping[Part, str] = field(default_factory=dict)
    reporter: str = ""
    reports: bool = False
    health: Says = Says.OK
    blind: Sequence[str] = ()
    more: int = 0
    pending: int = 0
    oldest: datetime.datetime | None = None


def digests(driver: str, policy: Policy) -> Mapping[Part, str]:
    """Of each part of the rules by which hosts are judged; what is alike on all hosts has the same ones on all."""
    matrix = policy.matrix
    parts: Mapping[Part, Any] = {
        Part.DRIVER: driver,
        Part.MATRIX: [list(matrix.sequence), sorted(list(vector) for vector in matrix.recover)],
        Part.SAMPLES: [policy.samples, policy.sample_interval],
        Part.SETTLING: [policy.settle, policy.unproven_settle],
        Part.PROOF: None if policy.proof is None else dataclasses.asdict(policy.proof),
        Part.REPORTER: policy.elected,
        Part.SEGMENTS: policy.lookup,
        Part.STORMS: dataclasses.asdict(policy.guard),
        Part.DOMAINS: dict(policy.domains),
        Part.SILENCES: policy.longest_silence,
    }
    return {part: _digest(value) for part, value in parts.items()}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def named(views: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """The first of these names, and how many others there are."""
    return tuple(printable(name, _WORD) for name in views[:_NAMES]), max(0, len(views) - _NAMES)


def encode(said: Announcement) -> bytes:
    """As it stands where all read it."""
    fields: dict[str, Any] = {
        "node": said.node,
        "version": said.version,
        "started": int(said.started.timestamp()),
        "told": int(said.told.timestamp()),
        "scheme": SCHEME,
        "rules": {part.value: digest for part, digest in said.rules.items()},
        "reporter": said.reporter,
        "reports": said.reports,
        "health": said.health.value,
        "blind": list(said.blind),
        "more": said.more,
        "pending": said.pending,
        "oldest": None if said.oldest is None else int(said.oldest.timestamp()),
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(node: str, value: bytes) -> Announcement | None:
    """What stands there as said by `node`, of this or another release; None for anything else.

    What is not known here is read over. A name other than the node's, in whatever case, is nobody's word.
    """
    if len(value) > LARGEST:
        return None
    try:
        fields = read_json(value)
        if not isinstance(fields, dict) or str(fields["node"]).casefold() != node.casefold():
            return None
        rules = fields.get("rules") if fields.get("scheme") == SCHEME else None
        blind = fields.get("blind")
        oldest = fields.get("oldest")
        return Announcement(
            node=node,
            version=_word(fields["version"]),
            started=_moment(fields["started"]),
            told=_moment(fields["told"]),
            rules=_rules(rules) if isinstance(rules, dict) else {},
            reporter=_word(fields.get("reporter", "")),
            reports=fields.get("reports") is True,
            health=Says(fields["health"]),
            blind=tuple(_word(one) for one in blind[:_NAMES]) if isinstance(blind, list) else (),
            more=_number(fields.get("more", 0)),
            pending=_number(fields.get("pending", 0)),
            oldest=None if oldest is None else _moment(oldest),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _rules(told: Mapping[str, Any]) -> Mapping[Part, str]:
    return {
        part: digest[:_DIGITS] for part in Part if isinstance(digest := told.get(part.value), str) and digest
    }


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no word")
    return printable(value, _WORD)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT:
        raise TypeError("no number")
    return value


def _moment(value: Any) -> datetime.datetime:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _END:
        raise TypeError("no time")
    return datetime.datetime.fromtimestamp(value, datetime.UTC)

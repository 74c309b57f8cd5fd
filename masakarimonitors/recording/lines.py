"""The lines of a recording: how a monitor stood, and then each observation with what was decided. Pure.

A line is one JSON document. A long one (a whole listing of a large cloud, a state) is packed within it. What is read is
of this format and in the words of this version, or it says why not.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from masakarimonitors.core.decision import JSON, Decision, Instant, Notify, Withdraw
from masakarimonitors.core.rehearsal.written import Kinds, Unreadable, Words, write

FORMAT = 1
"""Raised when a line of an earlier release would be taken for something else."""

LONGEST = 64 << 20
"""Bytes of one line at most, unpacked."""

_PACKED = 2048


class OtherVersion(Exception):
    """A recording of another format, or in other words: says which version wrote it, and of which monitor it is."""

    def __init__(self, why: str, monitor: str) -> None:
        super().__init__(why)
        self.monitor = monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """From here on all is written: by which rules the monitor judged, and how it stood.

    `life`: names one run of a monitor; `number`: that of the first step that follows. `unlike`: in words, if the
    records of the version that wrote it are not all as this version's.
    """

    version: str
    monitor: str
    life: str
    number: int
    at: Instant
    rules: Any
    state: Any
    unlike: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """One observation, at the moment of its decision; `decided`: a digest of all that was decided, empty if it failed.

    `reports` and `taken_back` in full, the rest of a decision only by that digest.
    """

    number: int
    at: Instant
    seen: Any
    decided: str
    reports: tuple[Notify, ...] = ()
    taken_back: tuple[Withdraw, ...] = ()


def digest(decision: Decision, words: Words) -> str:
    """The same for the same commands and verdicts, whatever made them."""
    return hashlib.sha256(_dump(write(decision, words.hidden)).encode()).hexdigest()[:16]


def begun_line(begun: Begun, words: Words) -> bytes:
    """`words`: in which it is written."""
    return _line(
        {
            "kind": "begun",
            "format": FORMAT,
            "shape": words.shape,
            "version": begun.version,
            "monitor": begun.monitor,
            "life": begun.life,
            "number": begun.number,
            "at": write(begun.at),
            "rules": write(begun.rules, words.hidden),
            "state": write(begun.state, words.hidden),
        }
    )


def step_line(number: int, at: Instant, seen: Any, decision: Decision | None, words: Words) -> bytes:
    """`decision`: None where it failed."""
    told: dict[str, JSON] = {
        "kind": "step",
        "number": number,
        "at": write(at),
        "seen": write(seen, words.hidden),
    }
    if decision is not None:
        told["decided"] = digest(decision, words)
        reports = [write(one) for one in decision.commands if isinstance(one, Notify)]
        back = [write(one) for one in decision.commands if isinstance(one, Withdraw)]
        told |= {"reports": reports} if reports else {}
        told |= {"back": back} if back else {}
    return _line(told)


def _dump(told: JSON) -> str:
    return json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _line(told: dict[str, JSON]) -> bytes:
    text = json.dumps(told, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > _PACKED:
        kind = str(told["kind"])
        packed = base64.b85encode(zlib.compress(text, 6)).decode()
        text = json.dumps({"kind": kind, "packed": packed}, separators=(",", ":")).encode()
    return text + b"\n"


def read_line(line: bytes, kinds: Kinds) -> Begun | Stepped:
    """Raises Unreadable for a line that makes no sense, OtherVersion for one that begins what nobody here can read."""
    told, words = _unpacked(line), kinds.words
    try:
        if told.get("kind") == "begun":
            return _begun(told, kinds, _unlike(told, words))
        if told.get("kind") != "step":
            raise Unreadable(f"it is of no kind that is known: {str(told.get('kind'))[:40]!r}")
        return Stepped(
            number=_number(told),
            at=words.read(Instant, told["at"]),
            seen=words.read(kinds.observations, told["seen"]),
            decided=str(told.get("decided", "")),
            reports=words.read(tuple[Notify, ...], told.get("reports", [])),
            taken_back=words.read(tuple[Withdraw, ...], told.get("back", [])),
        )
    except KeyError as fault:
        raise Unreadable(f"it lacks {fault}") from fault


def _begun(told: Mapping[str, Any], kinds: Kinds, unlike: str) -> Begun:
    """Where each record of another version is one of this version's, too, which has at most fields more, it is read."""
    words = kinds.words
    try:
        return Begun(
            version=str(told["version"]),
            monitor=str(told["monitor"]),
            life=str(told["life"]),
            number=_number(told),
            at=words.read(Instant, told["at"]),
            rules=words.read(kinds.rules, told["rules"]),
            state=words.read(kinds.state, told["state"]),
            unlike=unlike,
        )
    except Unreadable as fault:
        if not unlike:
            raise
        why = f"{unlike}, and this one cannot read them ({fault}): play it with that one"
        raise OtherVersion(why, str(told["monitor"])[:80]) from fault


def _number(told: Mapping[str, Any]) -> int:
    number = told["number"]
    if not isinstance(number, int) or isinstance(number, bool):
        raise Unreadable("its number is none")
    return number


def _unlike(told: Mapping[str, Any], words: Words) -> str:
    """Which version has written it, if in other records; raises OtherVersion for another format."""
    version = str(told.get("version", "of which nothing is known"))[:80]
    if told.get("format") != FORMAT:
        raise OtherVersion(
            f"it was recorded by version {version} in format {str(told.get('format'))[:20]}; this version reads format "
            f"{FORMAT}",
            str(told.get("monitor", ""))[:80],
        )
    if told.get("shape") == words.shape:
        return ""
    return f"it was recorded by version {version}, whose records are others than this version's"


def _unpacked(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
        if isinstance(told, dict) and isinstance(told.get("packed"), str):
            unpack = zlib.decompressobj()
            text = unpack.decompress(base64.b85decode(told["packed"]), LONGEST)
            if not unpack.eof:
                raise Unreadable("it is cut off, or far too long")
            told = json.loads(text)
    except Unreadable:
        raise
    except (ValueError, zlib.error, RecursionError) as fault:
        raise Unreadable(f"it is damaged: {fault}") from fault
    if not isinstance(told, dict):
        raise Unreadable("it is no record")
    return told

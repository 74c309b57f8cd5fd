"""How a monitor that runs on this host stands: asked at its socket, and read back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import sockets
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.core.decision import Instant
from masakarimonitors.core.rehearsal.written import Kinds, Unreadable, write
from masakarimonitors.core.silences.silence import Silence, from_json
from masakarimonitors.status.asked import Answer
from masakarimonitors.status.health import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """From where it is played: how a monitor that runs stands, or nothing. `rules`: by which that one judges.

    `silences`: those that hold there.
    """

    now: Instant
    state: Any = None
    rules: Any = None
    silences: Sequence[Silence] = ()


class CannotAsk(Exception):
    """Why nothing can be played from how things stand; with the exit code."""

    def __init__(self, why: str, code: Exit) -> None:
        super().__init__(why)
        self.code = code


def live(conf: cfg.ConfigOpts, monitor: str, kinds: Callable[[], Kinds], otherwise: str) -> Stands:
    """How `monitor` stands on this host; raises CannotAsk. `otherwise`: from what it may be played where none runs."""
    there = sockets.search(conf, ".sock")
    found = sockets.best(monitor, there, ["whole"])
    if found.answer is Answer.NONE:
        if there.unknown:
            raise CannotAsk(there.unknown, Exit.UNKNOWN)
        raise CannotAsk(
            f"No {monitor} runs here from whose view this could be played. {otherwise}", Exit.NONE_THERE
        )
    if found.answer is not Answer.SAID:
        raise CannotAsk(f"{monitor} {found.answer.value} ({found.why}).", Exit.UNKNOWN)
    if "whole" not in found.snapshot:
        raise CannotAsk(
            f"{monitor} does not know this question: it is of an earlier release; restart it", Exit.UNKNOWN
        )
    told = found.snapshot["whole"]
    try:
        if not isinstance(told, dict):
            raise Unreadable("it does not tell by which rules it judges: a driver of others' is in use")
        known = kinds()
        return Stands(
            now=known.words.read(Instant, told.get("now")),
            rules=known.words.read(known.rules, told.get("rules")),
            state=known.words.read(known.state, told.get("state")),
            silences=_silences(told.get("silences")),
        )
    except Unreadable as fault:
        why = (
            f"The {monitor} that runs cannot be understood: {fault}. If it is of another release, restart it"
        )
        raise CannotAsk(why, Exit.UNKNOWN) from fault


def blindness(conf: cfg.ConfigOpts, monitor: str) -> str:
    """What the monitor on this host does not see at present, as a sentence; empty if it sees, or does not answer.

    Whom a blind one does not know, there may be all the same.
    """
    found = sockets.best(monitor, sockets.search(conf, ".sock"))
    snapshot = found.snapshot if found.answer is Answer.SAID else {}
    causes = [one for one in snapshot.get("causes") or () if one.get("level") == Level.BLIND.value]
    seen = "; ".join(f"{one.get('subject')}: {one.get('seen')}" for one in causes)
    return f"{monitor} cannot tell: it is blind ({seen})" if seen else ""


def _silences(told: Any) -> Sequence[Silence]:
    try:
        return [from_json(one) for one in told or ()]
    except (ValueError, TypeError) as fault:
        raise Unreadable(f"its silences make no sense: {fault}") from fault


def other_rules(stands: Stands, policy: Any) -> list[str]:
    """In what the monitor that runs judges by other rules than this configuration, in a sentence; or nothing."""
    if stands.rules is None:
        return []
    theirs, ours = write(stands.rules.under(stands.state)), write(policy)
    assert isinstance(theirs, dict) and isinstance(ours, dict)
    names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    if not names:
        return []
    return [
        f"played by this configuration; the monitor that runs judges by another one in: {', '.join(names)} (restart "
        "it, or send it SIGHUP)"
    ]

"""How the host monitor that runs on this host stands: asked at its socket, and read back."""

from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import sockets
from masakarimonitors.core.decision import Instant
from masakarimonitors.core.rehearsal.written import Unreadable
from masakarimonitors.status.asked import Answer

NOT_RUNNING, UNKNOWN = 3, 4
"""Exit codes of who cannot ask."""

_MONITOR = "hostmonitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """From where it is played: how a monitor that runs stands, or nothing. `rules`: by which that one judges."""

    now: Instant
    state: Any = None
    rules: Any = None


class CannotAsk(Exception):
    """Why nothing can be played from how things stand; with the exit code."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


def live(conf: cfg.ConfigOpts) -> Stands:
    """How the host monitor on this host stands; raises CannotAsk."""
    from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds

    there = sockets.search(conf, ".sock")
    found = sockets.best(_MONITOR, there, ["whole"])
    if found.answer is Answer.NONE:
        if there.unknown:
            raise CannotAsk(there.unknown, UNKNOWN)
        why = "No host monitor runs here from whose view this could be played. Name a cloud with --hosts, such as 20"
        raise CannotAsk(why, NOT_RUNNING)
    if found.answer is not Answer.SAID:
        raise CannotAsk(f"{_MONITOR} {found.answer.value}. {found.why}", UNKNOWN)
    if "whole" not in found.snapshot:
        raise CannotAsk(
            f"{_MONITOR} does not know this question: it is of an earlier release; restart it", UNKNOWN
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
        )
    except Unreadable as fault:
        why = f"The host monitor that runs cannot be understood: {fault}. If it is of another release, restart it"
        raise CannotAsk(why, UNKNOWN) from fault

"""Reports that are followed no longer, because there were too many: kept until they are seen to be over, on disk too.

Pure. Nobody knows whether these were recovered, so people are told of them; a restart of the monitor must not end that.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from masakarimonitors.core.decision import JSON, Instant, Remember
from masakarimonitors.core.outside import moment
from masakarimonitors.outbox.progress import Progress

KEY = "let go:"
"""Before the subject of each, in what is remembered."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """One of them, and where it stood; people are told of it until monotonic second `until`."""

    is_host: bool
    progress: Progress
    until: float


def note(subject: str, one: LetGo | None, now: Instant) -> Remember:
    """It is remembered, or forgotten (None)."""
    if one is None:
        return Remember(KEY + subject, None)
    until = now.wall + datetime.timedelta(seconds=one.until - now.monotonic)
    value: dict[str, JSON] = {
        "host": one.is_host,
        "progress": one.progress.value,
        "until": until.isoformat(),
    }
    return Remember(KEY + subject, value)


def remembered(memory: Mapping[str, Mapping[str, JSON]], now: Instant, day: float) -> dict[str, LetGo]:
    """Those of before the start, by subject, each for `day` seconds at most; what makes no sense counts as just let go.

    The wall clock may have been set meanwhile.
    """
    found: dict[str, LetGo] = {}
    for key, value in memory.items():
        if key.startswith(KEY):
            known = {one.value: one for one in Progress}
            progress = known.get(str(value.get("progress")), Progress.DELIVERED)
            left = max(0.0, min(day, _seconds(value.get("until"), now, day)))
            until = now.monotonic + left
            found[key.removeprefix(KEY)] = LetGo(value.get("host") is True, progress, until)
    return found


def _seconds(until: JSON, now: Instant, otherwise: float) -> float:
    at = moment(until)
    return otherwise if at is None else (at - now.wall).total_seconds()

"""What becomes of the reports that masakari has: which have ended, and which stand there for too long; pure.

In: what stands there, and the time. Out: the pace then, and what people are to know. What nobody can read has
not ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from masakarimonitors.outbox.pace import HostPace, Look, PacePolicy, Sight, Tracked
from masakarimonitors.outbox.stages import KEPT, MOVES, TOO_LONG, Lane, Sign, Stage


@dataclass(frozen=True, slots=True)
class Ended:
    """A report as it was tracked under `uuid`; what was seen of it; and its end, or that it stands too long."""

    uuid: str
    was: Tracked
    sign: Sign
    stage: Stage


def ended(pace: HostPace, look: Look) -> Iterator[Ended]:
    """What a look tells of ours that have come to their end, before it is taken in by `looked`."""
    for uuid, one in pace.tracked.items():
        sign = look.signs.get(uuid)
        if one.row is None or sign is None or one.stage is Stage.OFFERED:
            continue
        stage = MOVES[one.stage, sign]
        if stage not in KEPT:
            yield Ended(uuid, one, sign, stage)


def _patience(one: Tracked, policy: PacePolicy) -> float:
    return policy.host_patience if one.lane is Lane.HOST and not one.doubtful else policy.patience


def lapsed(pace: HostPace, now: float, policy: PacePolicy) -> tuple[HostPace, list[Ended]]:
    """Nobody waits for what stands longer than the engine can take: the pace then, and what is newly so."""
    late: list[Ended] = []
    if (
        pace.sight is Sight.UNASKED
    ):  # what stood there before a start may have ended since: the first look tells
        return pace, late
    tracked = dict(pace.tracked)
    for uuid, one in pace.tracked.items():
        if one.stage is Stage.STANDING:
            patience, sign = _patience(one, policy), Sign.LATE if pace.sight is Sight.SEEN else Sign.UNREAD
        elif one.stage is Stage.UNREAD and pace.sight is Sight.SEEN:
            patience, sign = _patience(one, policy), Sign.LATE
        elif one.stage in TOO_LONG and one.row is not None:  # others leave with what masakari shows of them
            patience, sign = policy.lapse, Sign.LAPSED
        else:
            continue
        if now < one.since + patience:
            continue
        stage = MOVES[one.stage, sign]
        late.append(Ended(uuid, one, sign, stage))
        tracked[uuid] = replace(one, stage=stage)
        if stage not in KEPT:
            del tracked[uuid]
    return (replace(pace, tracked=tracked), late) if late else (pace, late)


def long_hosts(pace: HostPace, now: float, policy: PacePolicy) -> list[str]:
    """The reports of the whole host that stand for longer than an instance's may: people are to know."""
    hosts = {uuid: one.since for uuid, one in pace.tracked.items() if one.lane is Lane.HOST}
    return [uuid for uuid, since in hosts.items() if now >= since + policy.patience]


def next_lapse(pace: HostPace, policy: PacePolicy) -> float | None:
    """The monotonic second at which the first one that is waited for is waited for no longer."""
    if pace.sight is Sight.UNASKED:
        return None
    standing = (one for one in pace.tracked.values() if one.stage is Stage.STANDING)
    return min((one.since + _patience(one, policy) for one in standing), default=None)

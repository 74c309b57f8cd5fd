"""Which of the reports that masakari has stand there for so long that no other need wait for them; pure.

In: what stands there, and the time. Out: the pace then, and which are newly so. What nobody can read has not ended.
What people are told of them is another matter (`follower`).
"""

from dataclasses import dataclass, replace

from masakarimonitors.outbox.pace.pace import HostPace, PacePolicy, Sight, Tracked
from masakarimonitors.outbox.pace.stages import KEPT, MOVES, TOO_LONG, Lane, Sign, Stage


@dataclass(frozen=True, slots=True)
class Late:
    """A report as it was tracked under `uuid`, what has passed, and where it stands now."""

    uuid: str
    was: Tracked
    sign: Sign
    stage: Stage


def _patience(one: Tracked, policy: PacePolicy) -> float:
    return policy.host_patience if one.lane is Lane.HOST and not one.doubtful else policy.patience


def lapsed(pace: HostPace, now: float, policy: PacePolicy) -> tuple[HostPace, list[Late]]:
    """Nobody waits for what stands longer than the engine can take: the pace then, and what is newly so."""
    late: list[Late] = []
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
        late.append(Late(uuid, one, sign, stage))
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

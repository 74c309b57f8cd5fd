"""What of a host's record must survive a restart of the monitor, pure.

In: a record, or the words that another run (perhaps of another release) has written. Out: the words, or the record as
far as they can be understood.
"""

from collections.abc import Mapping

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.outside import moment_before
from masakarimonitors.hostmonitor.core.observation import Work
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import Farewell, HostRecord


def kept(record: HostRecord) -> dict[str, JSON]:
    """What must survive a restart of the monitor, as JSON."""
    words: dict[str, JSON] = {"remote": record.remote}
    if record.seen_up:
        words["up"] = True
    if record.crashed:
        words["crashed"] = True
    if record.farewell is Farewell.SAID:
        words["goodbye"] = True
    if record.work is not Work.NONE:
        words["work"] = record.work.value
    if record.leaving_at is not None:
        words["leaving_at"] = record.leaving_at.wall.isoformat()
    if record.known is not None:
        words["known"] = record.known
    if record.fenced_key:
        words["fenced"] = record.fenced_key
        words["rebooted"] = record.rebooted
    if record.fenced_at is not None:
        words["fenced_at"] = record.fenced_at.wall.isoformat()
    return words


def restored(words: Mapping[str, JSON], now: Instant, looked_at: Instant | None = None) -> HostRecord:
    """The opposite of `kept`; what cannot be understood (another version wrote it) is left out.

    `looked_at`: when the last look before the restart was, by this life's clock.
    """
    known, key = words.get("known"), words.get("fenced")
    return HostRecord(
        remote=words.get("remote") is True,
        farewell=Farewell.SAID if words.get("goodbye") is True else Farewell.NONE,
        seen_up=words.get("up") is True,
        looked_at=looked_at,
        crashed=words.get("crashed") is True,
        known=known if isinstance(known, str) else None,
        fenced_key=key if isinstance(key, str) else "",
        fenced_at=moment_before(words.get("fenced_at"), now),
        leaving_at=moment_before(words.get("leaving_at"), now),
        rebooted=words.get("rebooted") is not False,
        work=_work(words.get("work")),
    )


def _work(words: JSON) -> Work:
    try:
        return Work(str(words))
    except ValueError:
        return Work.NONE

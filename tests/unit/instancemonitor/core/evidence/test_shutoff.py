"""What became of an instance that is off: libvirt's reason first, then what can be seen, else nobody is accused."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.evidence.shutoff import Fate, describe, judge
from masakarimonitors.instancemonitor.core.observation import Power, Process, Reading
from masakarimonitors.libvirt.domain_state import ShutoffReason
from tests.fixtures.instance_play import INSTANCE

CRASHED, SHUTDOWN, UNKNOWN = ShutoffReason.CRASHED, ShutoffReason.SHUTDOWN, ShutoffReason.UNKNOWN
FAILED = ShutoffReason.FAILED
GONE, ALIVE, UNSEEN = Process.GONE, Process.ALIVE, Process.UNSEEN


def off(
    reason: ShutoffReason,
    process: Process,
    last_words: str = "",
    started: float = 1.0,
    *,
    log_read: bool = True,
) -> Reading:
    return Reading(
        instance=INSTANCE,
        power=Power.OFF,
        reason=reason,
        process=process,
        last_words=last_words,
        started=started,
        log_read=log_read,
    )


@pytest.mark.parametrize(
    ("reading", "before_reboot", "fate"),
    [
        (off(CRASHED, UNSEEN), False, Fate.DIED),
        (off(CRASHED, UNSEEN), True, Fate.DIED),
        (off(SHUTDOWN, GONE, "crashed"), False, Fate.PLANNED),
        (off(UNKNOWN, ALIVE, "crashed"), False, Fate.ALIVE),
        (off(UNKNOWN, GONE, "crashed"), False, Fate.DIED),
        (off(UNKNOWN, GONE, "destroyed"), False, Fate.PLANNED),
        (off(UNKNOWN, GONE, "destroyed"), True, Fate.PLANNED),
        (off(UNKNOWN, GONE), False, Fate.DIED),
        (off(UNKNOWN, UNSEEN), False, Fate.UNSURE),
        (off(UNKNOWN, UNSEEN, "a word of a newer libvirt"), False, Fate.UNSURE),
        # a restart of the host outranks what its log says last
        (off(UNKNOWN, GONE, "crashed"), True, Fate.UNSURE),
        (off(UNKNOWN, GONE), True, Fate.UNSURE),
        # a log that cannot be read, or that tells of no life, is no log without an end
        (off(UNKNOWN, GONE, log_read=False), False, Fate.UNSURE),
        (off(UNKNOWN, GONE, started=0.0), False, Fate.UNSURE),
        # a start that failed says nothing of the life before it; the log does
        (off(FAILED, GONE, "crashed"), False, Fate.DIED),
        (off(FAILED, GONE, "destroyed"), False, Fate.PLANNED),
        (off(FAILED, GONE), False, Fate.UNSURE),
        (off(FAILED, GONE, log_read=False), False, Fate.UNSURE),
    ],
)
def test_a_fate_and_its_reason(reading: Reading, before_reboot: bool, fate: Fate) -> None:
    judged, why = judge(reading, before_reboot=before_reboot)
    assert judged is fate
    assert why


@pytest.mark.parametrize(
    ("seen", "ended", "fate"),
    [
        (None, 0.0, Fate.PLANNED),
        (500.0, 600.0, Fate.PLANNED),
        # the host lost the log's last lines: what it says is of an earlier life
        (500.0, 400.0, Fate.UNSURE),
        (500.0, 0.0, Fate.UNSURE),
        (0.0, 600.0, Fate.UNSURE),
    ],
)
def test_a_restart_of_the_host_outranks_a_log_that_may_be_of_an_earlier_life(
    seen: float | None, ended: float, fate: Fate
) -> None:
    reading = replace(off(UNKNOWN, GONE, "shutdown"), ended=ended)
    assert judge(reading, before_reboot=True, seen=seen)[0] is fate
    older = seen is not None and 0 < ended < seen
    assert judge(reading, before_reboot=False, seen=seen)[0] is (Fate.UNSURE if older else Fate.PLANNED)


@pytest.mark.parametrize("reason", [reason for reason in ShutoffReason if reason not in (UNKNOWN, FAILED)])
def test_every_reason_of_libvirts_has_its_fate(reason: ShutoffReason) -> None:
    assert judge(off(reason, UNSEEN), before_reboot=False)[0] in (Fate.DIED, Fate.PLANNED)


def test_the_evidence_in_a_few_words() -> None:
    assert describe(off(UNKNOWN, GONE, log_read=False)) == "SHUTOFF/UNKNOWN, process gone, log not read"
    assert describe(off(UNKNOWN, GONE)) == "SHUTOFF/UNKNOWN, process gone"
    assert describe(off(CRASHED, UNSEEN, "crashed")) == (
        "SHUTOFF/CRASHED, process unseen, log: reason=crashed"
    )

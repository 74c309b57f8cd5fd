"""Where a report can stand at masakari: every move that there is, and no other."""

import itertools

from masakarimonitors.core.notification import HostEvent, ProcessNotification, VmNotification
from masakarimonitors.outbox.pace.stages import COUNTED, KEPT, MOVES, TOO_LONG, Lane, Sign, Stage, lane_of
from tests.fixtures.fake_clock import EPOCH

OVER = {Stage.NOT_TAKEN, Stage.ENDED, Stage.GIVEN_UP, Stage.FORGOTTEN}


def vm(event: str, detail: str) -> VmNotification:
    return VmNotification("c1", EPOCH, event=event, instance_uuid="u", vir_domain_event=detail)


def test_the_lane_is_that_which_the_engine_takes() -> None:
    assert lane_of(vm("LIFECYCLE", "STOPPED_FAILED")) is Lane.RECOVERED
    assert lane_of(vm("QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED")) is Lane.RECOVERED
    assert lane_of(vm("IO_ERROR", "IO_ERROR_REPORT")) is Lane.RECOVERED
    assert lane_of(vm("IO_ERROR", "IO_ERROR_PAUSE")) is Lane.FILED
    assert lane_of(vm("LIFECYCLE", "STOPPED_DESTROYED")) is Lane.FILED
    assert lane_of(ProcessNotification("c1", EPOCH, HostEvent.STOPPED, "p")) is None
    assert lane_of(None) is None


def test_every_sign_of_what_is_kept_has_a_move_and_what_is_over_has_none() -> None:
    at_masakari = set(Sign) - {Sign.TAKEN, Sign.NOT_TAKEN}
    assert {sign for stage, sign in MOVES if stage is Stage.OFFERED} == {Sign.TAKEN, Sign.NOT_TAKEN}
    for stage in (Stage.STANDING, *TOO_LONG):
        assert {sign for known, sign in MOVES if known is stage} == at_masakari
    assert not [stage for stage, _ in MOVES if stage in OVER]
    assert set(Stage) - OVER == KEPT and TOO_LONG == KEPT - COUNTED


def test_nothing_that_is_not_waited_for_is_waited_for_again() -> None:
    """Else a report could take its place for ever, a patience at a time."""
    reached = set(TOO_LONG)
    for _, sign in itertools.product(Stage, Sign):
        reached |= {MOVES[stage, sign] for stage in reached & KEPT if (stage, sign) in MOVES}
    assert not reached & COUNTED

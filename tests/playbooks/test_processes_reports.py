"""Reports about processes: when one may leave, what masakari may have of one that was taken back, and what is lost."""

from masakarimonitors.core.notification import Leave
from masakarimonitors.processmonitor.core.decision import may_leave
from masakarimonitors.processmonitor.core.observation import Presence
from tests.fixtures.process_play import NOVA, Play, notified

SUBJECT = f"process:{NOVA.process_name}"


def down(**options: float) -> Play:
    """It died, nothing helped, and masakari is to be told."""
    play = Play(NOVA, **options)  # type: ignore[arg-type]
    play.running()
    play.gone()
    play.until_reported()
    return play


def leaves(play: Play) -> bool:
    """Whether the last report that was made may leave."""
    return may_leave(play.state, notified(play.all_commands)[-1].notification) is Leave.NOW


# -- when a report may leave ----------------------------------------------------------------------------


def test_a_report_does_not_leave_while_its_process_runs_and_its_command_still_waits() -> None:
    play = down()
    play.to_next_alarm()
    play.answer(Presence.GONE)
    play.runs("restart")  # a slow try, whose command waits until the service is ready
    assert leaves(play)
    play.running()
    assert play.stage == "Trying" and not leaves(play)
    play.gone()
    assert leaves(play)


def test_a_report_does_not_leave_while_its_process_cannot_be_seen() -> None:
    play = down()
    play.see(Presence.UNKNOWN)
    assert play.stage == "Down" and not leaves(play)
    play.gone()
    assert leaves(play)

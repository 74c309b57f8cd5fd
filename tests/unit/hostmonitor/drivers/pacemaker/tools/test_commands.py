"""The commands that look at Pacemaker: which are run, and what an unanswered one is."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook, Commands
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import Asked
from masakarimonitors.system.processes.command import Finished


class Shell:
    """Answers every command with the same ending."""

    def __init__(self, ending: Finished | OSError) -> None:
        self.ending = ending
        self.ran: list[Asked] = []

    async def __call__(self, asked: Asked, timeout: float) -> Finished:
        self.ran.append(asked)
        if isinstance(self.ending, OSError):
            raise self.ending
        return self.ending


@pytest.mark.parametrize(
    "ending",
    [
        Finished(exit_code=-9, output="", timed_out=True, seconds=5.0),
        Finished(exit_code=1, output="", timed_out=False, seconds=0.1),
        OSError(2, "No such file"),
    ],
    ids=["hangs", "fails", "missing"],
)
async def test_an_unanswered_question_is_no_answer(ending: Finished | OSError) -> None:
    commands = Commands(Shell(ending))
    with pytest.raises(CannotLook):
        await commands.look(5.0)
    with pytest.raises(CannotLook):
        await commands.fencing_devices()


async def test_nothing_that_hangs_on_a_remote_is_ever_run() -> None:
    shell = Shell(Finished(exit_code=1, output="", timed_out=False, seconds=0.1))
    with pytest.raises(CannotLook):
        await Commands(shell).look(5.0)
    assert {asked.program for asked in shell.ran} == {"cibadmin", "crm_mon"}


async def test_what_cibadmin_has_printed_is_never_shown_and_what_it_complains_about_is() -> None:
    cib = '<nvpair id="f1-passwd" name="passwd" value="Tr0ub4dor"/>'
    shell = Shell(Finished(exit_code=74, output=cib, timed_out=False, seconds=0.1))
    with pytest.raises(CannotLook, match="cibadmin failed with exit code 74: it said nothing") as raised:
        await Commands(shell).fencing_devices()
    assert "Tr0ub4dor" not in str(raised.value)
    shell.ending = Finished(exit_code=74, output=cib, timed_out=False, seconds=0.1, errors="not connected")
    with pytest.raises(CannotLook, match="cibadmin failed with exit code 74: not connected"):
        await Commands(shell).fencing_devices()

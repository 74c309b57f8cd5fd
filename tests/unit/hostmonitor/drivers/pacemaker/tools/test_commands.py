"""The commands that look at Pacemaker: which are run, and what an unanswered one is."""

from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook, Commands
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import Asked
from masakarimonitors.system.processes.command import Finished

DATA = Path(__file__).parents[5] / "data" / "pacemaker"


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


async def test_a_cib_is_still_the_same_to_the_byte_or_another_one() -> None:
    cib = (DATA / "healthy.cib.xml").read_text()
    mon = (DATA / "healthy.crm_mon.xml").read_text()

    async def run(asked: Asked, timeout: float) -> Finished:
        return Finished(
            exit_code=0, output=cib if asked.program == "cibadmin" else mon, timed_out=False, seconds=0.1
        )

    commands = Commands(run)
    digest = (await commands.look(5.0))[0].digest
    assert await commands.is_still(digest, 5.0)
    cib = cib.replace("num_updates", "num_updates_", 1)
    assert not await commands.is_still(digest, 5.0)
    with pytest.raises(CannotLook):
        await Commands(Shell(OSError(2, "No such file"))).is_still(digest, 5.0)

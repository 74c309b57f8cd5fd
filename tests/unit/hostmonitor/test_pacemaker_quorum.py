"""Quorum by command, for a monitor that Corosync's library refuses."""

from collections.abc import Sequence

import pytest

from masakarimonitors.hostmonitor.sources.pacemaker_commands import CannotLook, Commands, read_quorumtool
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import CorosyncError
from masakarimonitors.hostmonitor.sources.pacemaker_quorum import PolledQuorum
from masakarimonitors.system.command import Finished

QUORATE = """Quorum information
------------------
Date:             Sun Nov 22 08:09:27 2026
Quorum provider:  corosync_votequorum
Nodes:            3
Node ID:          1
Ring ID:          1.d
Quorate:          Yes
"""


class Shell:
    """Answers every command with the same ending."""

    def __init__(self, ending: Finished | OSError) -> None:
        self.ending = ending
        self.ran: list[Sequence[str]] = []

    async def __call__(self, argv: Sequence[str], timeout: float) -> Finished:
        self.ran.append(argv)
        if isinstance(self.ending, OSError):
            raise self.ending
        return self.ending


def test_what_quorumtool_says() -> None:
    assert read_quorumtool(QUORATE, "") == (True, 1)
    assert read_quorumtool(QUORATE.replace("Yes", "No"), "") == (False, 1)
    with pytest.raises(CorosyncError, match="Cannot initialize"):
        read_quorumtool("", "Cannot initialize QUORUM service\n")


async def test_no_quorum_is_an_answer_though_the_command_fails() -> None:
    shell = Shell(Finished(2, QUORATE.replace("Yes", "No"), False, 0.1))
    quorum = PolledQuorum(Commands(shell), 5.0)
    try:
        await quorum.refresh()
        assert (quorum.quorate, quorum.node_id) == (False, 1)
    finally:
        quorum.close()


@pytest.mark.parametrize(
    "ending",
    [Finished(-9, "", True, 5.0), Finished(1, "", False, 0.1), OSError(2, "No such file")],
    ids=["hangs", "fails", "missing"],
)
async def test_an_unanswered_question_is_no_answer(ending: Finished | OSError) -> None:
    commands = Commands(Shell(ending))
    with pytest.raises(CorosyncError):
        await commands.quorum(5.0)
    with pytest.raises(CannotLook):
        await commands.look(5.0)
    with pytest.raises(CannotLook):
        await commands.resources()


async def test_nothing_that_hangs_on_a_remote_is_ever_run() -> None:
    shell = Shell(Finished(1, "", False, 0.1))
    with pytest.raises(CannotLook):
        await Commands(shell).look(5.0)
    assert {argv[0] for argv in shell.ran} == {"cibadmin", "crm_mon"}

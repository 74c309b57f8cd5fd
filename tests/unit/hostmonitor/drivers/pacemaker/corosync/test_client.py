"""Quorum by command, for a monitor that Corosync's library refuses."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.corosync import client
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import (
    CorosyncDenied,
    CorosyncError,
    CorosyncMissing,
    PolledQuorum,
    ask_quorumtool,
    open_quorum,
    read_quorumtool,
)
from masakarimonitors.system.processes.command import Finished
from tests.unit.hostmonitor.drivers.pacemaker.tools.test_commands import Shell

QUORATE = """Quorum information
------------------
Date:             Sun Nov 22 08:09:27 2026
Quorum provider:  corosync_votequorum
Nodes:            3
Node ID:          1
Ring ID:          1.d
Quorate:          Yes
"""


def test_what_quorumtool_says() -> None:
    assert read_quorumtool(QUORATE, "") == (True, 1)
    assert read_quorumtool(QUORATE.replace("Yes", "No"), "") == (False, 1)
    assert read_quorumtool(QUORATE.replace("          1\n", "          \u00b2\n"), "") == (True, None)
    with pytest.raises(CorosyncError, match="Cannot initialize"):
        read_quorumtool("", "Cannot initialize QUORUM service\n")


async def test_no_quorum_is_an_answer_though_the_command_fails() -> None:
    shell = Shell(Finished(exit_code=2, output=QUORATE.replace("Yes", "No"), timed_out=False, seconds=0.1))
    quorum = PolledQuorum(shell, 5.0)
    try:
        await quorum.refresh()
        assert (quorum.quorate, quorum.node_id) == (False, 1)
    finally:
        quorum.close()


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
    with pytest.raises(CorosyncError):
        await ask_quorumtool(Shell(ending), 5.0)


@pytest.mark.parametrize(
    "fault", [CorosyncDenied("access denied"), CorosyncMissing("libquorum.so.5: no such file")]
)
@pytest.mark.parametrize(
    "ending", [OSError(2, "No such file"), Finished(exit_code=1, output="", timed_out=False, seconds=0.1)]
)
async def test_where_corosync_cannot_be_asked_pacemakers_word_has_to_do_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: CorosyncError,
    ending: Finished | OSError,
) -> None:
    """A container with Pacemaker's tools and without Corosync's; a user whom nobody has named in uidgid.d."""

    def refuse() -> None:
        raise fault

    monkeypatch.setattr(client, "Quorum", refuse)
    quorum = await open_quorum(Shell(ending), 5.0)
    try:
        await quorum.refresh()
        assert (quorum.quorate, quorum.node_id) == (True, None)
        assert "Missing are" in caplog.text and str(fault) in caplog.text
    finally:
        quorum.close()


async def test_a_library_that_is_missing_leaves_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise CorosyncMissing("libquorum.so.5: no such file")

    monkeypatch.setattr(client, "Quorum", refuse)
    shell = Shell(Finished(exit_code=0, output=QUORATE, timed_out=False, seconds=0.1))
    quorum = await open_quorum(shell, 5.0)
    try:
        assert isinstance(quorum, PolledQuorum) and quorum.quorate is True
    finally:
        quorum.close()


async def test_a_corosync_that_does_not_run_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise CorosyncError("quorum_model_initialize: corosync is not running here")

    monkeypatch.setattr(client, "Quorum", refuse)
    with pytest.raises(CorosyncError, match="not running"):
        await open_quorum(Shell(OSError(2, "No such file")), 5.0)


@pytest.mark.parametrize(("reason", "lost"), [(2, False), (5, False), (3, True), (0, True), (99, True)])
def test_only_one_that_left_or_ended_is_gone_for_sure(reason: int, lost: bool) -> None:
    change = client.read_change([(1, 10, 0)], [], [(2, 20, reason)])
    assert (change.members, change.left) == (((1, 10),), ((2, 20),))
    assert change.lost == (((2, 20),) if lost else ())

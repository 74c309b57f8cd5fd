"""Whose rights a command gets: by what came of it, for each command alone."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import Asked, Operation
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.rights import RunByOutcome
from masakarimonitors.system.privileged.runner import HelperForbidden
from masakarimonitors.system.processes.command import Finished

CIBADMIN = Asked(Operation.CIB)
QUORUMTOOL = Asked(Operation.QUORUM)


def ended(code: int = 0, output: str = "", errors: str = "", timed_out: bool = False) -> Finished:
    return Finished(exit_code=code, output=output, errors=errors, timed_out=timed_out, seconds=0.1)


class Rights:
    """What one user gets: an ending for each command, the same for all others."""

    def __init__(self, ending: Finished | OSError, **others: Finished | OSError) -> None:
        self.ending = ending
        self.others = others
        self.ran: list[str] = []

    async def __call__(self, asked: Asked, timeout: float) -> Finished:
        self.ran.append(asked.program)
        ending = self.others.get(asked.program.replace("-", "_"), self.ending)
        if isinstance(ending, OSError):
            raise ending
        return ending


class Both:
    def __init__(self, ours: Rights, roots: Rights) -> None:
        self.ours, self.roots, self.now = ours, roots, 0.0
        self.run = RunByOutcome(ours, roots, lambda: self.now)


REFUSED = ended(1, errors="Cannot initialize CMAP service")
NO_SUDO = OSError("the privileged helper cannot be started")


async def test_a_user_of_haclient_asks_pacemaker_itself_and_corosync_as_root() -> None:
    both = Both(Rights(ended(0, "<cib/>"), corosync_quorumtool=REFUSED), Rights(ended(0, "Quorate: Yes")))
    for _ in range(3):
        assert (await both.run(CIBADMIN, 5)).output == "<cib/>"
        assert (await both.run(QUORUMTOOL, 5)).output == "Quorate: Yes"
    assert both.roots.ran == ["corosync-quorumtool"] * 3
    assert both.ours.ran.count("corosync-quorumtool") == 1  # what works is remembered


async def test_no_quorum_is_an_answer_and_no_refusal() -> None:
    both = Both(Rights(ended(2, "Quorate: No")), Rights(ended(0, "never")))
    assert (await both.run(QUORUMTOOL, 5)).output == "Quorate: No"
    assert both.roots.ran == []


async def test_what_hangs_is_not_hung_twice() -> None:
    both = Both(Rights(ended(-9, timed_out=True)), Rights(ended()))
    assert (await both.run(CIBADMIN, 5)).timed_out
    assert both.roots.ran == []


async def test_a_fault_that_root_has_too_is_told_and_nothing_is_remembered() -> None:
    both = Both(
        Rights(ended(1, errors="down")), Rights(ended(102, errors="Transport endpoint is not connected"))
    )
    for _ in range(2):
        assert (await both.run(CIBADMIN, 5)).exit_code == 102
    assert both.ours.ran == both.roots.ran == ["cibadmin"] * 2


async def test_a_helper_that_cannot_be_started_is_not_tried_at_each_look(
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = Both(Rights(REFUSED), Rights(NO_SUDO))
    for _ in range(5):
        assert (await both.run(QUORUMTOOL, 5)).errors == REFUSED.errors
    assert len(both.roots.ran) == 1 and "privileged helper" in caplog.text
    both.now = 61
    await both.run(QUORUMTOOL, 5)
    assert len(both.roots.ran) == 2


async def test_what_can_never_be_run_as_root_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Under NoNewPrivileges= sudo logged an alarm at each minute in which Pacemaker was away."""
    both = Both(Rights(REFUSED), Rights(HelperForbidden("this process may gain no rights")))
    for both.now in range(0, 86_400, 3_600):
        assert (await both.run(QUORUMTOOL, 5)).errors == REFUSED.errors
    assert len(both.roots.ran) == 1 and caplog.text.count("may gain no rights") == 1


async def test_a_helper_that_goes_away_leaves_our_own_rights() -> None:
    both = Both(Rights(REFUSED), Rights(ended(0, "Quorate: Yes")))
    await both.run(QUORUMTOOL, 5)
    both.roots.ending = NO_SUDO
    both.ours.ending = ended(0, "Quorate: Yes, by ourselves")
    assert (await both.run(QUORUMTOOL, 5)).output == "Quorate: Yes, by ourselves"


async def test_a_program_that_is_not_there_is_missed_once_for_all() -> None:
    both = Both(Rights(FileNotFoundError(2, "No such file or directory")), Rights(OSError("No such file")))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            await both.run(QUORUMTOOL, 5)
    # Other commands still get root's rights.
    both.ours.ending, both.roots.ending = REFUSED, ended(0, "Quorate: Yes")
    assert (await both.run(QUORUMTOOL, 5)).ok


async def test_half_a_cib_is_not_shown_when_it_is_read_as_root(caplog: pytest.LogCaptureFixture) -> None:
    """Killed halfway, cibadmin has said nothing of why, and has printed a fencing device's password already."""
    both = Both(
        Rights(ended(-9, output='<nvpair name="passwd" value="open sesame"/>')), Rights(ended(0, "<cib/>"))
    )
    with caplog.at_level("DEBUG"):
        assert (await both.run(CIBADMIN, 5)).output == "<cib/>"
    assert "cibadmin is run as root" in caplog.text and "sesame" not in caplog.text

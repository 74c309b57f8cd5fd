"""A report that the process monitor's last life left undelivered: does it still hold? Pure.

In: where its process stands. It holds only when its start and all its restarts were tried in this life, too, and a look
after them says that it is gone: after a reboot of the host nothing runs yet, and all of it is about to be started.
"""

from collections.abc import Mapping

from masakarimonitors.core.unconfirmed import Unconfirmed, Word, confirm, forget, wait, withdraw
from masakarimonitors.processmonitor.core.decision import State
from masakarimonitors.processmonitor.core.lifecycle import Phase, subject_of

_TRIED = wait("its start and its restarts are tried first")

WORDS: Mapping[Phase, Word] = {
    Phase.UNSEEN: wait("whether it runs was not seen yet"),
    Phase.RUNNING: withdraw("it runs"),
    Phase.PRE: _TRIED,
    Phase.CHECKING: _TRIED,
    Phase.MAIN: _TRIED,
    Phase.POST: _TRIED,
    Phase.SETTLING: _TRIED,
    Phase.RESTING: confirm("it is still down, and its restarts were tried again in vain"),
}
"""What is said of the report where its process can be seen and stands so."""


def judge(state: State, report: Unconfirmed) -> Word:
    """Whether the report still holds."""
    name = report.subject.removeprefix(subject_of(""))
    process = state.processes.get(name)
    if process is None and not state.list_read:
        return wait("the list of processes has not been read yet")
    if process is None:
        return forget(f"{name} is no longer on the list of processes")
    if process.blind:
        return wait("whether it runs cannot be seen")
    return WORDS[process.phase]

"""A report that the process monitor's last life left undelivered: does it still hold? Pure.

In: where its process stands. It holds only when its start and all its restarts were tried in this life, too, and a look
after them says that it is gone: after a reboot of the host nothing runs yet, and all of it is about to be started.
"""

from collections.abc import Mapping

from masakarimonitors.core.unconfirmed import Unconfirmed, Word, confirm, forget, wait, withdraw
from masakarimonitors.processmonitor.core.decision import State
from masakarimonitors.processmonitor.core.stages import (
    Appearing,
    Down,
    Grace,
    Probation,
    Running,
    Stage,
    Trying,
    Unclear,
    Unseen,
    subject_of,
)

_TRIED = wait("its start and its restarts are tried first")

WORDS: Mapping[type[Stage], Word] = {
    Unseen: wait("whether it runs was not seen yet"),
    Unclear: wait("its text stands in a command line, so that it may run and its entry not fit it any more"),
    Running: withdraw("it runs"),
    Grace: _TRIED,
    Trying: _TRIED,
    Appearing: _TRIED,
    Probation: wait("it runs again, and has to do so for a while"),
    Down: confirm("it is still down, and its restarts were tried again in vain"),
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
    return WORDS[type(process.stage)]


def well(state: State, subject: str) -> str:
    """Why a process needs nobody any more: it runs. Empty when it does not, or when nobody can see."""
    process = state.processes.get(subject.removeprefix(subject_of("")))
    return (
        "it runs" if process is not None and not process.blind and isinstance(process.stage, Running) else ""
    )

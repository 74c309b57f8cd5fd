"""What the process monitor can see and ask: the whole vocabulary, frozen.

Sources and effects yield the observations; the decision answers with the commands at the end.
"""

import datetime
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum

from masakarimonitors.core.decision import Command, Instant
from masakarimonitors.core.notification import ReportStatus


class Presence(StrEnum):
    """Whether a process of an entry runs. UNKNOWN: /proc could not be read in full; never taken for GONE."""

    RUNNING = "running"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One process of process_list.yaml; None: no such command. `user`: whose processes alone count (name or number)."""

    process_name: str
    start_command: str | None = None
    pre_start_command: str | None = None
    post_start_command: str | None = None
    restart_command: str | None = None
    pre_restart_command: str | None = None
    post_restart_command: str | None = None
    run_as_root: bool = False
    user: str | None = None


@dataclass(frozen=True, slots=True)
class ListRead:
    """The process list, read and found good."""

    entries: tuple[Entry, ...]
    path: str


@dataclass(frozen=True, slots=True)
class ListBroken:
    """The process list cannot be used now; `why` names file, line and column."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One look at /proc, for one entry.

    `at`: when the look began; nothing that happened later is in it. `in_reply_to`: the request of the
    `Look` that it answers, 0 when nobody asked. `mention`: of an entry that was never seen running since the start,
    who shows its text in a command line without being it; "" for nobody.
    """

    process_name: str
    presence: Presence
    at: Instant
    evidence: str
    in_reply_to: int = 0
    mention: str = ""


class Step(StrEnum):
    """The three commands of one try, in order."""

    PRE = "pre"
    MAIN = "main"
    POST = "post"


class CommandKey(StrEnum):
    """The commands of an entry, by their keys in the list."""

    START = "start_command"
    PRE_START = "pre_start_command"
    POST_START = "post_start_command"
    RESTART = "restart_command"
    PRE_RESTART = "pre_restart_command"
    POST_RESTART = "post_restart_command"

    def of(self, entry: Entry) -> str | None:
        """The command line that the entry gives, if any."""
        line: str | None = getattr(entry, self.value)
        return line


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """A `Run` came to its end; `exit_code` is None when it could not be started or was killed at its time-out.

    `shortage`: it could not be started because this monitor lacks descriptors, memory or processes of its own, or its
    privileged helper does not answer. `unheard`: it was started all the same, and how it ended is not known. `earlier`:
    that is one which an earlier life of this monitor has, or may have, begun; it is no lack of this one.
    """

    process_name: str
    in_reply_to: int
    exit_code: int | None
    evidence: str
    _: KW_ONLY
    shortage: bool = False
    unheard: bool = False
    earlier: bool = False

    @property
    def ok(self) -> bool:
        """Exit code 0; nothing else counts."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class CommandsRun:
    """Which commands of one process run now: (pid, start time in clock ticks since boot) of each."""

    process_name: str
    running: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SeenRunning:
    """An entry was seen running, for the first time or as somebody else; `users` and `units` (of the init system): as
    whom and where, all of them so far.
    """

    process_name: str
    users: frozenset[int]
    units: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEnded:
    """A report about `subject`, made at `made_at`, is no longer pending; `why`: masakari's words, or the monitor's."""

    subject: str
    made_at: datetime.datetime
    status: ReportStatus
    why: str
    at: Instant


@dataclass(frozen=True, slots=True)
class MaintenanceSeen:
    """Whether masakari holds this host on maintenance; None: it did not say, or does not know the host.

    `waits`: it has a report about a process of this host that its engine has not begun with; that sets the flag. None:
    it does not list its reports.
    """

    on_maintenance: bool | None
    at: Instant
    waits: bool | None = False


Observation = (
    ListRead
    | ListBroken
    | Sighting
    | SeenRunning
    | CommandsRun
    | CommandEnded
    | ReportEnded
    | MaintenanceSeen
)


@dataclass(frozen=True, slots=True)
class Watch(Command):
    """Watch exactly these entries from now on; every one is answered by a `Sighting`."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Look(Command):
    """Look now; answered by a `Sighting` in reply to this `request_id`."""

    process_name: str
    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Command):
    """Run one command line; answered by a `CommandEnded` in reply to this `request_id`.

    `left_since`: the monotonic second since which an earlier life of this monitor may have begun one of this process's
    commands, of which nobody knows what has become: that is looked for instead.
    """

    process_name: str
    request_id: int
    what: CommandKey
    command_line: str
    run_as_root: bool
    left_since: float | None = None


@dataclass(frozen=True, slots=True)
class LookUpMaintenance(Command):
    """Ask masakari whether it holds this host on maintenance; answered by a `MaintenanceSeen`."""

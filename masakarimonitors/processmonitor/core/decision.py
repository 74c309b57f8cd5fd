"""All the watched processes together: each has a lifecycle of its own (lifecycle.py); here the list rules.

In: the list as read, sightings, ends of commands and of reports, wake-ups. Out: what to watch, to run, to report.
"""

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

from masakarimonitors.core.decision import (
    JSON,
    NOTHING,
    Decision,
    Instant,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Woken,
)
from masakarimonitors.core.notification import Leave, Notification, ProcessNotification
from masakarimonitors.processmonitor.core import commands, lifecycle, reports, telling
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandsRun,
    Entry,
    ListBroken,
    ListRead,
    LookUpMaintenance,
    MaintenanceSeen,
    Observation,
    ReportEnded,
    SeenRunning,
    Sighting,
    Watch,
)
from masakarimonitors.processmonitor.core.recognition import seen as seen_running
from masakarimonitors.processmonitor.core.stages import Begun, Outage, Policy, WatchedProcess, subject_of

# Requests for an entry that was taken off the list and came back must not be mistaken for new ones.
_REQUESTS_PER_LIFE = 1 << 40

MAINTENANCE = "masakari's maintenance"
"""The key of the wake-up at which masakari is asked whether it holds this host on maintenance."""

_ASK_EVERY = 60.0
# Seconds for which reports that cannot be read, though the flag can, keep an outage from being told anew.
_UNLISTED_FOR = 600.0
# After so long without an answer it is lost, and asked for again.
_ANSWERED_WITHIN = 300.0


@dataclass(frozen=True, slots=True)
class State:
    """Every watched process, by process name.

    `remembered`: what an earlier life of the monitor kept of subjects that were not met in the list yet; `seen`: the
    entries that it saw running, until the list is read. `list_fault`: why the list on disk is not the one in use; empty
    when it is. `list_read`: it was read at least once. `asking`: masakari is to be asked whether it holds this host on
    maintenance; `unlisted_since`: the monotonic second since which it says no, and does not list its reports. `tries`:
    what the last life has kept of the next command of each process, until the list is read.
    """

    processes: Mapping[str, WatchedProcess] = field(default_factory=dict)
    remembered: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    list_fault: str = ""
    _: KW_ONLY
    seen: frozenset[str] = frozenset()
    list_read: bool = False
    lives: int = 0
    asking: bool = False
    unlisted_since: float | None = None
    tries: Mapping[str, Begun] = field(default_factory=dict)


def restore(memory: Mapping[str, Mapping[str, JSON]], tries: Mapping[str, Begun] | None = None) -> State:
    """The state before the first observation; `memory` is what was remembered under each subject, and `tries` as
    `commands.recalled_tries` has them."""
    kept = {key: value for key, value in memory.items() if key.startswith(subject_of(""))}
    seen = frozenset(
        key.removeprefix(seen_running.PREFIX) for key in memory if key.startswith(seen_running.PREFIX)
    )
    return State(remembered=kept, seen=seen, tries=dict(tries or {}))


@dataclass(frozen=True, slots=True)
class Decider:
    """The pure decision with its policy bound."""

    policy: Policy

    def __call__(
        self, state: State, observation: Observation | Woken, now: Instant
    ) -> tuple[State, Decision]:
        """The next state, and what follows."""
        before = state.processes
        state, decision = self._decide(state, observation, now)
        # Of those that are as they were none is asked for, or `asking` would say so: hundreds that die together must
        # not have each other looked through.
        changed = (one for name, one in state.processes.items() if one is not before.get(name))
        if not state.asking and _must_ask(changed):
            # Where the answer decides whether an outage is a new one, it is wanted before all tries have failed.
            pause = 0.0 if any(map(_may_be_new, state.processes.values())) else _ASK_EVERY
            decision += Decision((WakeAt(MAINTENANCE, now.monotonic + pause),))
            state = replace(state, asking=True)
        return state, decision

    def _decide(self, state: State, observation: Observation | Woken, now: Instant) -> tuple[State, Decision]:
        match observation:
            case ListRead():
                return _read(state, observation, now, self.policy)
            case ListBroken(why=why):
                return replace(state, list_fault=why), NOTHING
            case CommandsRun():
                return state, commands.remember(observation, self.policy.boot)
            case SeenRunning(process_name=name):  # unless it was taken off the list meanwhile
                known = name in state.processes
                return state, seen_running.remember(observation) if known else NOTHING
            case MaintenanceSeen():
                return _maintenance(state, observation, self.policy)
            case Woken(key=key) if key == MAINTENANCE:
                if _must_ask(state.processes.values()):
                    again = WakeAt(MAINTENANCE, now.monotonic + _ANSWERED_WITHIN)
                    return state, Decision((LookUpMaintenance(), again))
                return replace(state, asking=False, unlisted_since=None), NOTHING
            case ReportEnded(subject=subject) | Woken(key=subject):
                name = subject.removeprefix(subject_of(""))
            case Sighting(process_name=name) | CommandEnded(process_name=name):
                pass
        process = state.processes.get(name)
        if process is None:  # taken off the list meanwhile
            return state, NOTHING
        match observation:
            case Sighting():
                after, decision = lifecycle.sighted(process, observation, now, self.policy)
            case CommandEnded():
                after, decision = lifecycle.ended(process, observation, now, self.policy)
            case ReportEnded():
                after, decision = telling.settled(process, observation, self.policy)
            case Woken():
                after, decision = lifecycle.woken(process, now, self.policy)
        after, kept = commands.noted(after, now, self.policy)
        decision += kept
        if after == process:
            return state, decision
        return replace(state, processes={**state.processes, process.name: after}), decision


def may_leave(state: State, told: Notification) -> Leave:
    """Whether a report may leave at this moment: later, unless its process was seen to be gone when last looked at.

    The name on the wire is what follows the last slash, and with the time at which it was made names the report.
    """
    if not isinstance(told, ProcessNotification):
        return Leave.NOW
    last = told.process_name.rsplit("/", 1)[-1]
    meant = [one for one in state.processes.values() if one.name.rsplit("/", 1)[-1] == last]
    may_be_over = any(telling.may_be_over(one, told.generated_time) for one in meant)
    return Leave.LATER if may_be_over else Leave.NOW


def _read(state: State, read: ListRead, now: Instant, policy: Policy) -> tuple[State, Decision]:
    decision, lives, kept = NOTHING, state.lives, {}
    for entry in read.entries:
        process = state.processes.get(entry.process_name)
        if process is None:
            lives += 1
            process, told = _new(
                entry, lives, state.remembered.get(subject_of(entry.process_name)), now, policy
            )
            decision += told
            process = replace(process, begun=state.tries.get(entry.process_name))
        elif process.entry.user != entry.user:  # it is met anew, as that user's
            decision += seen_running.forget(entry.process_name)
        kept[entry.process_name] = replace(process, entry=entry)
    for name, process in state.processes.items():
        if name not in kept:
            decision += Decision((WakeAt(process.subject, None),))
            if process.begun is not None:
                decision += commands.forget(name)
            if process.reported and process.outage is not None:
                decision += telling.forget(
                    process.subject, process.outage.report, f"{name} was taken off the list"
                )
            elif process.over is not None:
                decision += Decision((Remember(process.subject, None),))
            decision += seen_running.forget(name)
    for subject in sorted(state.remembered.keys() - {subject_of(name) for name in kept}):
        if state.remembered[subject].get("over"):
            decision += Decision((Remember(subject, None),))
            continue
        made = reports.recalled(state.remembered[subject])
        decision += telling.forget(
            subject, made, f"{subject} was reported before and is no longer on the list"
        )
    for name in sorted(state.seen - kept.keys()):
        decision += seen_running.forget(name)
    for name in sorted(state.tries.keys() - kept.keys()):
        decision += commands.forget(name)
    decision += Decision((Watch(read.entries),))
    return State(kept, list_read=True, lives=lives, asking=state.asking), decision


def _new(
    entry: Entry, life: int, kept: Mapping[str, JSON] | None, now: Instant, policy: Policy
) -> tuple[WatchedProcess, Decision]:
    """A process that was not watched yet, with what an earlier life of the monitor kept of it."""
    process = WatchedProcess(entry=entry, request_id=life * _REQUESTS_PER_LIFE)
    if kept is None:
        return process, NOTHING
    made = reports.recalled(kept)
    if not reports.is_of_an_earlier_outage(kept, policy.boot):
        # Reported before this start: all is tried once more, and reported no second time, unless masakari no longer
        # acts on it: then it has recovered meanwhile, or somebody has put the host back.
        since = Instant(now.monotonic, made.made_at or now.wall.replace(microsecond=0))
        return replace(process, outage=Outage(since=since, report=replace(made, earlier=True))), NOTHING
    if kept.get("over") and made.may_be_withdrawn:  # it was taken back, and may have arrived before
        return replace(process, taken_back=made), NOTHING
    if made.fate is not reports.Fate.DELIVERED or not policy.tells:
        return process, Decision((Remember(process.subject, None),))
    why = (
        f"masakari was told that {entry.process_name} was down, in an outage before this start, and holds this host on"
        " maintenance until somebody ends that there"
    )
    alarm = Verdict(process.subject, Ruling.HELD, why, evidence="the last life of this monitor", alarm=True)
    made = replace(made, before_boot=reports.is_of_another_boot(kept, policy.boot))
    boot = kept.get("boot")
    over = reports.remembered(made, boot if isinstance(boot, str) else policy.boot, over=True)
    return replace(process, told=made), Decision((Remember(process.subject, over),), (alarm,))


def _maintenance(state: State, seen: MaintenanceSeen, policy: Policy) -> tuple[State, Decision]:
    decision, processes = NOTHING, dict(state.processes)
    state, known = _believed(state, seen)
    if known:
        for name, process in state.processes.items():
            if seen.on_maintenance:
                processes[name], told = telling.on_maintenance(process, seen.at, policy)
            elif seen.waits:
                processes[name], told = telling.still_waits(process, seen.at), NOTHING
            else:
                processes[name], told = telling.maintenance_ended(process, seen.at, policy)
            decision += told
    state = replace(state, processes=processes)
    if _must_ask(processes.values()):
        return state, decision + Decision((WakeAt(MAINTENANCE, seen.at.monotonic + _ASK_EVERY),))
    state = replace(state, asking=False, unlisted_since=None)
    return state, decision + Decision((WakeAt(MAINTENANCE, None),))


def _believed(state: State, seen: MaintenanceSeen) -> tuple[State, bool]:
    """Whether the flag says something. One that is not there does not where nobody knows whether a report waits, and
    after a while all the same: the user of [api] may never be allowed to read reports, and no failure is lost for that.
    """
    if seen.on_maintenance is not False or seen.waits is not None:
        return replace(state, unlisted_since=None), seen.on_maintenance is not None
    at = seen.at.monotonic
    since = at if state.unlisted_since is None else state.unlisted_since
    return replace(state, unlisted_since=since), at - since >= _UNLISTED_FOR


def _must_ask(processes: Iterable[WatchedProcess]) -> bool:
    return any(
        one.over is not None
        or (
            one.outage is not None
            and (one.outage.report.was_not_taken or one.outage.report.stands_until_maintenance_ends)
        )
        for one in processes
    )


def _may_be_new(process: WatchedProcess) -> bool:
    return process.outage is not None and process.outage.report.may_be_anothers

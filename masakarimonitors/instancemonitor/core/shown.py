"""What the status shows of the instances. Pure."""

from collections.abc import Iterable

from masakarimonitors.core.storm import leading
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.state import Instance, State, subject_of
from masakarimonitors.instancemonitor.core.told import Fate

_NOT_TAKEN = "masakari has not taken its report, which is offered again when it may"
_VANISHED = (
    "masakari has not taken its report, and libvirt does not list it any more, so that is not offered again: look "
    "whether it runs elsewhere, and recover it by hand if not"
)
_WAITS = (
    "what became of its report was not heard yet, and libvirt does not list it any more: look whether it runs "
    "elsewhere, and if so drop the report (masakari-monitors outbox drop). Where the outbox has none, this is shown "
    "for a week"
)
_WITHHELD = (
    "its guest had crashed, and it vanished unheard, so that somebody may have ended it and had it started elsewhere: "
    "its report waits. Look where it runs, and recover it by hand if it runs nowhere"
)

STORM, UNKNOWN = "storm", "unknown"
"""States of the status that are no phase of an instance: many fail together; libvirt does not tell how it stands."""


def describe(state: State) -> Iterable[tuple[str, str, str, bool]]:
    """For the status: subject, state, detail, alarm; what is away first, then instances by name."""
    for uri, seen in sorted(state.away.items()):
        yield f"libvirt:{uri}", "away", seen, True
    for storm in leading(state.storms):
        detail = f"{len(storm.failed)} instances have I/O errors together; their reports are held"
        yield f"storm:{storm.scope}", STORM, detail, True
    for instance in sorted(state.instances.values(), key=lambda one: (one.identity.name, one.place)):
        alarm = instance.phase in (*DEAD, Phase.UNSURE) or bool(instance.alarm)
        subject, name = subject_of(instance.identity), instance.identity.name
        if instance.halted:
            yield subject, "stands still", f"{name}: {instance.halted}", True
        elif instance.hidden:
            yield subject, UNKNOWN, f"{name}: {instance.hidden}; last seen {instance.phase.value}", True
        else:
            not_taken = Fate.NOT_TAKEN in (instance.fate, instance.stories.fate)
            words = _open(instance)
            yield subject, instance.phase.value, f"{name}: {words}" if words else name, alarm or not_taken


def _open(instance: Instance) -> str:
    """What is open about its report, and who can end that."""
    if Fate.NOT_TAKEN in (instance.fate, instance.stories.fate):
        return _VANISHED if instance.vanished else _NOT_TAKEN
    if instance.phase not in DEAD or instance.fate is not Fate.PENDING:
        return ""
    if instance.phase is Phase.VANISHED:
        return _WITHHELD
    return _WAITS if instance.vanished else ""

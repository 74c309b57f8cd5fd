"""What the status shows of the instances. Pure."""

from collections.abc import Iterable

from masakarimonitors.core.storm import leading
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.state import UNTOLD, State, subject_of
from masakarimonitors.instancemonitor.core.told import Fate

_NOT_TAKEN = "masakari has not taken its report, which is offered again when it may"
_VANISHED = (
    "masakari has not taken its report, and libvirt does not list it any more, so that is not offered again: look "
    "whether it runs elsewhere, and recover it by hand if not"
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
        elif instance.untold:
            yield subject, UNKNOWN, f"{name}: {UNTOLD}; last seen {instance.phase.value}", True
        else:
            not_taken = Fate.NOT_TAKEN in (instance.fate, instance.stories.fate)
            words = _VANISHED if instance.vanished else _NOT_TAKEN
            told = f"{name}: {words}" if not_taken else name
            yield subject, instance.phase.value, told, alarm or not_taken

"""What an earlier run of the introspective monitor left on disk, read back. Pure.

It is written together with each change of what is known (`state.py`). What cannot be understood counts as never seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.outside import known_moment
from masakarimonitors.core.storm_memory import recall
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT
from masakarimonitors.introspectiveinstancemonitor.core.state import KEY, Kept, State


def restore(
    memory: Mapping[str, Mapping[str, JSON]],
    uris: Sequence[str] = ("",),
    questions: Mapping[str, str] = MappingProxyType({}),
) -> State:
    """The state to start from; an entry that does not read as one written by `memo` is left out.

    `uris` are the libvirts watched now; a guest remembered from another is looked for at the first, and counts where
    it did for as long as a storm holds it. `questions`: what the checks ask now.
    """
    kept: dict[str, Kept] = {}
    for key, value in memory.items():
        if not key.startswith(KEY):
            continue
        try:
            found = _kept(value)
        except (KeyError, TypeError, ValueError):
            # Written by another version: forgetting a phase costs one discovery, not a false report.
            continue
        if found.where not in uris:
            found = replace(found, where=uris[0], home=found.home or found.where)
        kept[key.removeprefix(KEY)] = found
    return State(kept=MappingProxyType(kept), questions=questions, old_storms=recall(memory))


def _kept(value: Mapping[str, JSON]) -> Kept:
    phases, reports = value["phases"], value["reports"]
    if not isinstance(phases, dict) or not isinstance(reports, list):
        raise TypeError("phases must be a mapping and reports a list")
    found = {name: Phase(str(phase)) for name, phase in phases.items()}
    awaited = value.get("awaited", [])
    if not isinstance(awaited, list):
        raise TypeError("awaited must be a list")
    found |= {str(name): Phase.AWAITED for name in awaited}
    unknown = value.get("unknown", [])
    if not isinstance(unknown, list):
        raise TypeError("unknown must be a list")
    found |= {str(name): Phase.UNKNOWN for name in unknown if found.get(str(name)) is Phase.HEALTHY}
    reported = [name for name, phase in found.items() if phase is Phase.REPORTED]
    # An earlier release did not write whose report waits. Where two probes stood reported, the heartbeat was the later.
    waits = HEARTBEAT if HEARTBEAT in reported else next(iter(reported), HEARTBEAT)
    delivered = value.get("delivered", {})
    if not isinstance(delivered, dict):
        raise TypeError("delivered must be a mapping")
    not_taken = value.get("not_taken", {})
    if not isinstance(not_taken, dict):
        raise TypeError("not_taken must be a mapping")
    held = value.get("held", {})
    if not isinstance(held, dict):
        raise TypeError("held must be a mapping")
    born = value.get("born", 0)
    if isinstance(born, bool) or not isinstance(born, int):
        raise TypeError("born must be a number")
    questions = value.get("questions", {})
    if not isinstance(questions, dict):
        raise TypeError("questions must be a mapping")
    return Kept(
        str(value["run"]),
        found,
        tuple(known_moment(report) for report in reports),
        str(value["where"]),
        waiting=known_moment(value["waiting"]) if "waiting" in value else None,
        waits=str(value.get("waits", waits)),
        delivered=MappingProxyType({name: known_moment(at) for name, at in delivered.items()}),
        not_taken=MappingProxyType({name: known_moment(at) for name, at in not_taken.items()}),
        held=MappingProxyType({name: known_moment(at) for name, at in held.items()}),
        home=str(value.get("home", "")),
        questions=MappingProxyType({name: str(asked) for name, asked in questions.items()}),
        born=born,
    )

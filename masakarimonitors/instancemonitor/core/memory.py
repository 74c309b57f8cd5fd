"""What an earlier run of the instance monitor left on disk, read back. Pure.

It is written together with each change of what is known (`state.py`). What cannot be understood counts as never seen.
"""

import math
from collections.abc import Iterable, Mapping

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.offers.again import Ended
from masakarimonitors.core.storm_memory import recall
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Leaving, Phase
from masakarimonitors.instancemonitor.core.observation import Identity
from masakarimonitors.instancemonitor.core.sight.connection import Connection, Libvirt
from masakarimonitors.instancemonitor.core.sight.ending import Ending
from masakarimonitors.instancemonitor.core.sight.halt import Halt
from masakarimonitors.instancemonitor.core.sight.hearing import Boot, Hearing
from masakarimonitors.instancemonitor.core.state import HOST, PREFIX, Instance, State
from masakarimonitors.instancemonitor.core.stories import Stories
from masakarimonitors.instancemonitor.core.told import Fate
from masakarimonitors.instancemonitor.core.wire_events import IO_ERRORS

_FAR = 1e11
"""Seconds since 1970 that no clock of ours shows."""


def restore(
    memory: Mapping[str, Mapping[str, JSON]], boot_id: str, uris: Iterable[str] | None = None
) -> State:
    """The state that an earlier run left on disk; what cannot be understood counts as never seen.

    `uris`: those that are configured now (None: all that are remembered); what was seen at others is kept apart.
    """
    host = memory.get(HOST, {})
    rebooted = host.get("boot_id", boot_id) != boot_id
    looked, told = host.get("looked"), host.get("older")
    older = {str(uri) for uri in told} if isinstance(told, list) else set()
    if rebooted:
        older |= {*(looked if isinstance(looked, dict) else ()), *(uris or ())}
    found = [
        instance
        for key, value in memory.items()
        if (instance := _restored(key, value, rebooted=rebooted or str(value.get("uri")) in older))
        is not None
    ]
    configured = None if uris is None else set(uris)
    return State(
        instances={one.place: one for one in found if configured is None or one.identity.uri in configured},
        strangers=tuple(
            one for one in found if configured is not None and one.identity.uri not in configured
        ),
        rebooted=rebooted,
        older=frozenset(older),
        libvirts=dict.fromkeys(sorted(configured or ()), Libvirt(Connection.AWAITED)),
        looked={uri: _number(at) for uri, at in looked.items()} if isinstance(looked, dict) else {},
        old_storms=recall(memory),
    )


def _restored(key: str, value: Mapping[str, JSON], *, rebooted: bool) -> Instance | None:
    name, uri = value.get("name"), value.get("uri")
    phase = {phase.value: phase for phase in Phase}.get(str(value.get("condition")))
    if not key.startswith(PREFIX) or not isinstance(name, str) or not isinstance(uri, str) or phase is None:
        return None
    uuid = key.removeprefix(PREFIX).partition("@")[0]
    # An earlier release did not write what became of a report: it may still wait.
    fate = Fate.NONE
    if phase in DEAD:
        fate = {one.value: one for one in Fate}.get(str(value.get("fate")), Fate.PENDING)
    # On another boot libvirt counts its domains anew.
    run = 0 if rebooted else int(_number(value.get("run")))
    told = value.get("born")
    born = told if run and isinstance(told, int) and not isinstance(told, bool) else 0
    return Instance(
        identity=Identity(uuid, name, uri, run, born=born),
        key=key,
        phase=phase,
        number=-1,
        since=_number(value.get("since")),
        reported=_number(value.get("reported")),
        fate=fate,
        made=_number(value.get("made")),
        not_taken=Ended(times=int(fate is Fate.NOT_TAKEN)),
        dropped=str(value.get("dropped") or ""),
        held=_number(value.get("held")),
        defined=False if value.get("defined") is False else None,
        leaving=_leaving(value),
        # Why it is paused is read again; that it was matters if it is off by then.
        halt=Halt.PAUSED if value.get("paused") is True else Halt.NONE,
        ending=Ending.ENDED if value.get("ended") is True else Ending.OPEN,
        hearing=Hearing.MISSED,
        boot=Boot.EARLIER if rebooted or value.get("before_reboot") is True else Boot.THIS,
        stories=_stories(value),
        storages=_storages(value),
    )


def _leaving(value: Mapping[str, JSON]) -> Leaving:
    # An earlier release wrote no more than that it may be leaving.
    if value.get("leaving") is not True:
        return Leaving.NO
    return Leaving.MAYBE if value.get("leaving_untold") is True else Leaving.YES


def _stories(value: Mapping[str, JSON]) -> Stories:
    told, since = value.get("io_error_told"), _number(value.get("io_error"))
    if not 0.0 < since < _FAR:
        return Stories()
    # An earlier release did not write what became of a report.
    fate = {one.value: one for one in Fate}.get(str(value.get("io_error_fate")), Fate.NONE)
    return Stories(
        failing_since=since,
        due=value.get("io_error_due") is True,
        fate=fate,
        made=_number(value.get("io_error_made")),
        not_taken=Ended(times=int(fate is Fate.NOT_TAKEN)),
        failures=frozenset(
            word for word in IO_ERRORS if str(word) in (told if isinstance(told, list) else ())
        ),
    )


def _storages(value: Mapping[str, JSON]) -> tuple[str, ...] | None:
    told = value.get("storages")
    return tuple(word for word in told if isinstance(word, str)) if isinstance(told, list) else None


def _number(value: JSON) -> float:
    """A number of a memory; what is none is 0."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else 0.0  # type: ignore[arg-type]

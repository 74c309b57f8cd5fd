"""An instance that ends, played and shown: to people, and to pipes."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.console.arguments import meant
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.tables import Column, Writer, for_people, whole
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.cmd.rehearsal import standing
from masakarimonitors.core.decision import JSON
from masakarimonitors.system.clock import SystemClock

MONITOR = "instancemonitor"
ENDS = ("dies", "panics", "stops", "host")
"""How an instance may end: the words of `End`, which is not loaded for every command."""

_COLUMNS = (whole("end"), Column("fate"), whole("after"), Column("held by", "held"), Column("why"))
_FROM_NONE = "Say --from-none to play it as if it ran and nothing else were known"


def play(
    conf: cfg.ConfigOpts, name: str, ends: Sequence[str], *, from_none: bool, within: float, as_json: bool
) -> Exit:
    """0: each end has the fate that is wanted; 1: one has not; 2: nobody has that name; 3 and 4 as of `CannotAsk`."""
    from masakarimonitors.instancemonitor.core.observation import Identity
    from masakarimonitors.instancemonitor.core.rehearsal import ends as rehearsal
    from masakarimonitors.instancemonitor.core.state import State, subject_of

    module = wiring.monitor_module(MONITOR)
    policy = module.policy_of(conf)
    if from_none:
        stands = standing.Stands(now=SystemClock().now())
        state = rehearsal.running(policy, Identity(name, name, conf.libvirt.connection_uri), stands.now)
    else:
        try:
            stands = standing.live(conf, MONITOR, module.kinds, _FROM_NONE)
        except standing.CannotAsk as fault:
            say(str(fault), to=sys.stderr)
            return fault.code
        # By this configuration, whatever that monitor was told on the way.
        state = replace(stands.state, in_force=State().in_force)
    instance = rehearsal.find(state, name)
    if instance is None:
        known = [word for one in state.instances.values() for word in (one.identity.name, one.identity.uuid)]
        say(f"no instance is known here by the name {name}{meant(name, known)}", to=sys.stderr)
        if not from_none and (why := standing.blindness(conf, MONITOR)):
            say(why, to=sys.stderr)
            return Exit.UNKNOWN
        return Exit.WRONG_WORDS
    subject = subject_of(instance.identity)
    held = next((one for one in stands.silences if one.covers(subject)), None)
    silenced = f"a silence of {held.author} until {for_people(held.until)} UTC: {held.reason}" if held else ""
    played = [
        rehearsal.play(
            policy, state, instance, rehearsal.End(end), now=stands.now, within=within, silenced=silenced
        )
        for end in ends or ENDS
    ]
    remarks = standing.other_rules(stands, policy)
    shown = _Shown(stands, instance, played, (*rehearsal.SUPPOSED,), remarks)
    if as_json:
        print(json.dumps(shown.as_json()))
    else:
        shown.show(rehearsal.WANTED)
    fine = all(one.fate in rehearsal.WANTED[one.end] and not one.defects for one in played)
    return Exit.FINE if fine else Exit.AMISS


class _Shown:
    """What was played, from where, and what had to be supposed for it."""

    def __init__(
        self,
        stands: standing.Stands,
        instance: Any,
        played: Sequence[Any],
        supposed: Sequence[str],
        remarks: Sequence[str],
    ) -> None:
        self._stands = stands
        self._instance = instance
        self._played = played
        self._supposed = supposed
        self._remarks = remarks

    def show(self, wanted: Any) -> None:
        """To people, and through a pipe."""
        writer = Writer()
        at = for_people(self._stands.now.wall)
        whose = f"as the {MONITOR} here stood at {at} UTC" if self._stands.state is not None else "from none"
        name, phase = self._instance.identity.name, self._instance.phase.value
        writer.line(f"Played {whose}, nothing was sent: {name} is {phase}, and ends.")
        rows = [
            {
                "end": one.end.value,
                "fate": one.fate.value,
                "after": "" if one.after is None else f"{one.after:.1f} s",
                "held": one.held,
                "why": one.why,
                "alarm": one.fate not in wanted[one.end],
            }
            for one in self._played
        ]
        writer.rows("How it ends", _COLUMNS, rows, of=("instance",), alarm=lambda row: bool(row["alarm"]))
        for head, text in self._sentences():
            if writer.is_terminal:
                writer.line(f"{head.capitalize()}: {text}.")
            else:
                writer.fields(head, text)

    def _sentences(self) -> Iterator[tuple[str, str]]:
        yield from (("supposed", text) for text in self._supposed)
        yield from (("mark", text) for text in self._remarks)
        yield from (("fault", text) for one in self._played for text in one.defects)

    def as_json(self) -> dict[str, JSON]:
        """One document."""
        identity = self._instance.identity
        return {
            "at": self._stands.now.wall.isoformat(),
            "from": "live" if self._stands.state is not None else "none",
            "instance": identity.uuid,
            "name": identity.name,
            "uri": identity.uri,
            "phase": self._instance.phase.value,
            "ends": [
                {
                    "end": one.end.value,
                    "fate": one.fate.value,
                    "after": one.after,
                    "held": one.held,
                    "why": one.why,
                    "defects": list(one.defects),
                }
                for one in self._played
            ],
            "supposed": list(self._supposed),
            "remarks": list(self._remarks),
        }

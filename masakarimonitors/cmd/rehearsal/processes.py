"""A process that ends, played and shown: to people, and to pipes."""

import json
import sys
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.console.arguments import meant
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.tables import Column, Writer, whole
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.core.decision import JSON
from masakarimonitors.system.clock import SystemClock

_COLUMNS = (whole("after"), whole("what"), Column("why"))


def play(conf: cfg.ConfigOpts, name: str, *, back_after: int | None, within: float, as_json: bool) -> Exit:
    """0: masakari is told, or it is back; 1: neither within that time; 2: the list has no such process."""
    from masakarimonitors.processmonitor.core.rehearsal import ends

    policy, entries = wiring.monitor_module("processmonitor").rules_of(conf)
    entry = ends.find(entries, name)
    if entry is None:
        hint = meant(name, [one.process_name for one in entries])
        say(f"the process list has no {name}{hint}", to=sys.stderr)
        return Exit.WRONG_WORDS
    played = ends.play(policy, entries, entry, now=SystemClock().now(), back_after=back_after, within=within)
    if as_json:
        print(json.dumps(_as_json(played)))
    else:
        _show(played)
    fine = (played.reported is not None or played.recovered is not None) and not played.defects
    return Exit.FINE if fine else Exit.AMISS


def _show(played: Any) -> None:
    writer = Writer()
    if played.reported is not None:
        came = f"masakari is told {played.reported:.1f} s after its end"
    elif played.recovered is not None:
        came = f"it has recovered {played.recovered:.1f} s after its end, and masakari is not told"
    else:
        came = "masakari is not told, and it has not recovered either"
    writer.line(f"Played from none, nothing was run or sent: {played.process} ends; {came}.")
    rows = [
        {"after": f"{one.at:.1f} s", "what": one.what, "why": one.why, "alarm": one.alarm}
        for one in played.steps
    ]
    writer.rows("What happens", _COLUMNS, rows, of=("process",), alarm=lambda row: bool(row["alarm"]))
    for text in (
        *(f"supposed: {one}" for one in played.supposed),
        *(f"fault: {one}" for one in played.defects),
    ):
        if writer.is_terminal:
            writer.line(f"{text[0].upper()}{text[1:]}.")
        else:
            writer.fields(*text.split(": ", 1))


def _as_json(played: Any) -> dict[str, JSON]:
    return {
        "from": "none",
        "process": played.process,
        "reported": played.reported,
        "recovered": played.recovered,
        "steps": [
            {"at": one.at, "what": one.what, "why": one.why, "alarm": one.alarm} for one in played.steps
        ],
        "supposed": list(played.supposed),
        "defects": list(played.defects),
    }

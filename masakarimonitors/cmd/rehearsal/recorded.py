"""By which rules of a configuration what was recorded of a monitor is judged, and what is supposed in that.

In: a monitor's name and a configuration. Out: its rules, and the monitor's own play of a recording by other rules,
which is imported for that monitor alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.core.rehearsal.other_rules import Judged

_NEAREST = "what the monitor asked is answered by what was answered then at the nearest time"


def by_configuration(monitor: str, conf: cfg.ConfigOpts) -> tuple[Any, Callable[..., Judged], Sequence[str]]:
    """The rules, what judges by them, and what is supposed; raises ConfigFault, and NoPlay for other links."""
    judge: Callable[..., Judged]
    module = wiring.monitor_module(monitor)
    match monitor:
        case "hostmonitor":
            from masakarimonitors.hostmonitor.core.rehearsal.other_rules import judge

            return asyncio.run(module.rules_of(conf)).policy, judge, (f"{_NEAREST}, after a second",)
        case "processmonitor":
            from masakarimonitors.processmonitor.core.rehearsal.other_rules import judge

            listed = "the list of processes is the one that was recorded"
            return module.policy_of(conf), judge, (listed, _NEAREST)
        case "instancemonitor":
            from masakarimonitors.instancemonitor.core.rehearsal.other_rules import judge

            return module.policy_of(conf), judge, (_NEAREST,)
    from masakarimonitors.introspectiveinstancemonitor.core.rehearsal.other_rules import judge

    pinged = "guests were pinged, and their applications checked, as by the rules that were recorded"
    return (
        module.todays_policy(conf),
        judge,
        (pinged, "their counters are those that were read at that moment"),
    )

"""The words in which all that the process monitor goes by is written down: its rules, its state, what it sees. Pure.

The operator's command lines, which may hold a password, are left out: a digest stands in the place of each.
"""

from masakarimonitors.core.decision import Instant, Notify, Withdraw, Woken
from masakarimonitors.core.rehearsal.written import Kinds, Words
from masakarimonitors.processmonitor.core.decision import Decider, State
from masakarimonitors.processmonitor.core.observation import CommandKey, Observation
from masakarimonitors.processmonitor.core.stages import Policy

HIDDEN = {"Entry": frozenset(key.value for key in CommandKey), "Run": frozenset({"command_line"})}
"""Where command lines stand."""


def kinds() -> Kinds:
    """All classes that are reached from these; looked up anew, which takes some milliseconds."""
    return Kinds(
        words=Words(Instant, Woken, Notify, Withdraw, Policy, State, Observation, hidden=HIDDEN),
        observations=Observation | Woken,
        rules=Policy,
        state=State,
        decider=Decider,
    )

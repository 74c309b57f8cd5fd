"""The words in which all that the host monitor goes by is written down: its rules, its state, what it sees. Pure."""

from masakarimonitors.core.decision import Instant, Notify, Withdraw, Woken
from masakarimonitors.core.rehearsal.written import Kinds, Words
from masakarimonitors.hostmonitor.core.decision import Decider
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.core.state import Policy, State


def kinds() -> Kinds:
    """All classes that are reached from these; looked up anew, which takes some milliseconds."""
    return Kinds(
        words=Words(Instant, Woken, Notify, Withdraw, Policy, State, Observation),
        observations=Observation | Woken,
        rules=Policy,
        state=State,
        decider=Decider,
    )

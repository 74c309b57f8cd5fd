"""What is kept on disk of entries that were seen running: that they were, and as which ordinary users. Pure.

In: a sighting by the source, or what the last life has kept. Out: the memory, or the users by entry.
"""

from collections.abc import Mapping

from masakarimonitors.core.decision import JSON, Decision, Remember
from masakarimonitors.processmonitor.core.observation import SeenRunning

PREFIX = "seen:"
"""Before the process name: the key of the memory."""


def remember(seen: SeenRunning) -> Decision:
    """Keep this, and nothing that was kept before."""
    users: list[JSON] = [*sorted(seen.users)]
    return Decision((Remember(PREFIX + seen.process_name, {"users": users}),))


def forget(process_name: str) -> Decision:
    """It is on the list no more: whoever comes onto it later is met anew."""
    return Decision((Remember(PREFIX + process_name, None),))


def recalled(memory: Mapping[str, Mapping[str, JSON]]) -> Mapping[str, frozenset[int]]:
    """By process name, the ordinary users that it was seen to run as; what makes no sense is passed over."""
    found = {}
    for key, kept in memory.items():
        users = kept.get("users")
        if key.startswith(PREFIX) and isinstance(users, list):
            known = (one for one in users if isinstance(one, int) and not isinstance(one, bool))
            found[key.removeprefix(PREFIX)] = frozenset(known)
    return found

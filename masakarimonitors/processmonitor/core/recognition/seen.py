"""What is kept on disk of entries that were seen running: that they were, as which users and in which units. Pure.

In: a sighting by the source, or what the last life has kept. Out: the memory, or as whom by entry.
"""

from collections.abc import Mapping

from masakarimonitors.core.decision import JSON, Decision, Remember
from masakarimonitors.processmonitor.core.observation import SeenRunning
from masakarimonitors.processmonitor.core.recognition.pattern import AsSeen
from masakarimonitors.processmonitor.core.recognition.place import IN_A_CONTAINER

PREFIX = "seen:"
"""Before the process name: the key of the memory."""


def remember(seen: SeenRunning) -> Decision:
    """Keep this, and nothing that was kept before."""
    users: list[JSON] = [*sorted(seen.users)]
    units: list[JSON] = [*sorted(seen.units)]
    kept: dict[str, JSON] = {"users": users, "units": units, "tells_containers": True}
    return Decision((Remember(PREFIX + seen.process_name, kept),))


def forget(process_name: str) -> Decision:
    """It is on the list no more: whoever comes onto it later is met anew."""
    return Decision((Remember(PREFIX + process_name, None),))


def recalled(memory: Mapping[str, Mapping[str, JSON]]) -> Mapping[str, AsSeen]:
    """By process name, as whom it was seen to run; what makes no sense is passed over.

    Earlier releases have kept ordinary users alone, and no units, or "" for containers as well.
    """
    found = {}
    for key, kept in memory.items():
        users, units = kept.get("users"), kept.get("units")
        if key.startswith(PREFIX) and isinstance(users, list):
            known = (one for one in users if isinstance(one, int) and not isinstance(one, bool))
            where = (one for one in units if isinstance(one, str)) if isinstance(units, list) else ()
            as_seen = AsSeen(frozenset(known), frozenset(where))
            if "" in as_seen.units and kept.get("tells_containers") is not True:
                as_seen = as_seen.then(AsSeen(units=frozenset({IN_A_CONTAINER})))
            found[key.removeprefix(PREFIX)] = as_seen
    return found

"""By which rule a verdict was made, in one word or two for whoever reads the journal later. Pure.

What holds a report back is named by its own word (`state.Hold`).
"""

from enum import StrEnum


class Rule(StrEnum):
    """The rules of this monitor."""

    ANSWERED = "answered"
    MISSED = "missed"
    UNUSABLE = "no usable answer"
    ACCUSED = "silent and found dead"
    STORM = "storm"
    NOT_TAKEN = "not taken by masakari"
    WITH_HOST = "told with its host"
    EXCUSED = "not judged now"
    RESTARTED = "began anew"
    GONE = "not here any more"
    UNTOLD = "libvirt does not tell"
    SIGHT = "libvirt can be asked"
    AGENTS = "agents can be asked"
    CHECKS = "other checks"

"""By which rule a verdict was made, in one word or two for whoever reads the journal later. Pure.

What the table of `lifecycle.py` has ruled is named by its phase and its fact (`ruled`); everything else by a `Rule`.
"""

from dataclasses import replace
from enum import StrEnum

from masakarimonitors.core.decision import Decision
from masakarimonitors.instancemonitor.core.lifecycle import Fact, Phase


class Rule(StrEnum):
    """The rules beside the table."""

    STORY = "each story once"
    ACTIONABLE = "only what masakari acts on"
    QUIET = "no I/O error for long"
    STORM = "storm of I/O errors"
    NOT_TAKEN = "not taken by masakari"
    WITH_HOST = "told with its host"
    STANDS_STILL = "stands still"
    SIGNALLED = "ended by a signal"
    SIGHT = "libvirt is heard"
    UNTOLD = "libvirt does not tell"
    FIRST_LOOK = "first look at each libvirt"
    NOT_CONFIGURED = "not configured any more"


def ruled(decision: Decision, phase: Phase, fact: Fact) -> Decision:
    """With the table's rule on each verdict that has none."""
    rule = f"{phase.value}, {fact.value}"
    verdicts = tuple(one if one.rule else replace(one, rule=rule) for one in decision.verdicts)
    return replace(decision, verdicts=verdicts)

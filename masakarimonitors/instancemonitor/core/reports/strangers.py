"""What is remembered of libvirts that are configured no more is forgotten, and what waits of it taken back. Pure."""

from dataclasses import replace

from masakarimonitors.core.decision import (
    NOTHING,
    Command,
    Decision,
    Remember,
    Ruling,
    Verdict,
    Withdraw,
)
from masakarimonitors.instancemonitor.core.lifecycle import DEAD
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.state import State, subject_of


def dismiss_strangers(state: State) -> tuple[State, Decision]:
    """Forget what is remembered of URIs that are no longer configured, with a word."""
    decision, strangers = NOTHING, state.strangers
    if not strangers:
        return state, decision
    state = replace(state, strangers=())
    for instance in strangers:
        subject, dead = subject_of(instance.identity), instance.phase in DEAD
        told = (
            f"{instance.identity.name} was last seen {instance.phase.value} at {instance.identity.uri}, which is "
            "no longer configured ([libvirt] connection_uri), so it is forgotten"
        )
        if dead:
            told += "; a report of it that was not delivered is taken back, so look whether it was recovered"
        ruling = Ruling.WITHDRAWN if dead else Ruling.PLANNED
        commands: tuple[Command, ...] = (Remember(instance.key, None),)
        if dead:
            commands = (Withdraw(subject, told), *commands)
        decision += Decision(
            commands, (Verdict(subject, ruling, told, alarm=dead, rule=Rule.NOT_CONFIGURED),)
        )
    return state, decision

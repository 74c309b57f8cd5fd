"""A state of the host monitor, put under other rules: what an earlier configuration had in force ends. Pure."""

from dataclasses import replace

from masakarimonitors.hostmonitor.core.election.reporter import ALWAYS, Reporter
from masakarimonitors.hostmonitor.core.state import Policy, State


class NoPlay(Exception):
    """There is nothing to play: says why, for an operator."""


def under(policy: Policy, state: State) -> State:
    """By these rules, seen from `policy.own`; raises NoPlay where they judge by other links."""
    links = tuple(state.cluster.views)
    if links != policy.matrix.sequence:
        raise NoPlay(
            f"the monitor judges hosts by {', '.join(links)}, this configuration by "
            f"{', '.join(policy.matrix.sequence)}: what stands on one says nothing of the other"
        )
    hosts = {name: host for name, host in state.hosts.items() if not policy.is_own(name)}
    reporter = state.cluster.reporter
    if not policy.elected:
        reporter = ALWAYS
    elif reporter == ALWAYS:
        reporter = Reporter()
    return replace(
        state,
        hosts=hosts,
        cluster=replace(state.cluster, reporter=reporter),
        troubled=state.troubled & hosts.keys(),
        agenda={name: at for name, at in state.agenda.items() if name in hosts},
        matrix=None,
        domains=None,
        guard=None,
        coming=(),
    )

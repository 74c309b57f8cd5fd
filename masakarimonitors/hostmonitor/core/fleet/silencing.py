"""Silences of hosts: heard of, ended by somebody, over by themselves; then whom they held is looked at.

Pure. In: silences from whoever tells of them, or time. Out: the news. What a silence holds is the gates' (`judging`).
"""

from collections.abc import Sequence
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import SilencesSeen, Step
from masakarimonitors.core.silences.silence import Silence
from masakarimonitors.hostmonitor.core.fleet.news import News
from masakarimonitors.hostmonitor.core.outages.outage import Phase
from masakarimonitors.hostmonitor.core.state import Policy, State


def hear_silences(policy: Policy, state: State, seen: SilencesSeen, now: Instant) -> News:
    """Somebody has told of these silences."""
    return _news(policy, state, state.cluster.silences.hear(seen.silences, now), now)


def pass_silences(policy: Policy, state: State, now: Instant) -> News:
    """Those that are over by now."""
    return _news(policy, state, state.cluster.silences.pass_time(now), now)


def _news(policy: Policy, state: State, step: Step, now: Instant) -> News:
    if step.book is state.cluster.silences:
        return News(cluster=state.cluster)
    cluster = replace(state.cluster, silences=step.book)
    verdicts = telling.verdicts(step, lambda silence: _still_failing(policy, state, silence))
    return News(cluster=cluster, commands=step.commands, verdicts=verdicts, recheck_all=bool(step.happened))


def _still_failing(policy: Policy, state: State, silence: Silence) -> Sequence[str]:
    """Of those that it held: who asks for recovery, and masakari is not known to have the report."""
    found = []
    for name in sorted(state.troubled & state.hosts.keys()):
        outage = state.hosts[name].outage
        if (
            outage is None
            or outage.phase is not Phase.FAILING
            or not silence.covers(f"host:{name}", policy.domains.get(name))
        ):
            continue
        if outage.report is None or not outage.report.arrived or not outage.told_normal:
            found.append(name)
    return found

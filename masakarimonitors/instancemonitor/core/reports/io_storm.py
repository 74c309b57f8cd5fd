"""Many instances have I/O errors together: their storage has failed, and they are not restarted for it.

Part of the decision, pure; it looks at all instances at once, of each libvirt and of each storage. On what storages
their disks are is asked for at the first error. A report of I/O errors on which masakari restarts the instance waits
`WAIT` seconds, so that a storm is seen before its first ones leave; then it goes, or a storm holds it by the rules of
`core/storm.py`. A storm is said once for all that it holds. Deaths do not come here.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict, WakeAt
from masakarimonitors.core.storm import Failing, StormRound, weigh
from masakarimonitors.core.storm_memory import note, stand_again
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import AskStorages, StoragesSeen
from masakarimonitors.instancemonitor.core.reports.telling import notify
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.state import Instance, Policy, State, keep, scopes_of, subject_of
from masakarimonitors.instancemonitor.core.wire_events import IO_ERROR

WAIT = 10.0
"""Seconds from the first I/O error of an instance until its report may leave. Guests of one storage that has failed
notice it within the time-out of their next request; they differ by seconds."""

LATE = 2.0
"""Seconds after the moment at which to weigh from which this process was held up: it was stopped, or its disk was. The
errors of others that came meanwhile still lie in front of it, so whoever waits then waits anew."""

MOST_PUT_OFF = 6
"""So often, at most: where everything is late for ever, a report is due all the same."""

FRESH = 300.0
"""Seconds for which it counts on what storages disks are; some are plugged in or out of a running instance."""

SOON = 60.0
"""Seconds after which that is asked again for an instance of which the last answer has not told."""

IO_STORM = "I/O errors"
"""The WakeAt key that weighs again."""


def pursue(
    state: State, policy: Policy, now: Instant, weigh_at: float | None = None
) -> tuple[State, Decision]:
    """Report the I/O errors that have waited long enough, unless a storm holds them.

    `weigh_at`: the monotonic second at which that was due before what was observed now, if it was.
    """
    if weigh_at is not None and now.monotonic > weigh_at + LATE:
        state = _put_off(state, weigh_at, now)
    # Those that are remembered from before a restart have no first error before they are read.
    failing = {_key(one): one for one in state.instances.values() if one.stories.failing_from < math.inf}
    state = _go_on(state, failing, now)
    if not state.storms and not any(one.stories.due for one in failing.values()):
        state, decision = _sleep(state, None)
        state, noted = _remember(state, now)
        return state, decision + noted
    state, asked = _ask(state, failing, now)
    found = weigh(
        state.storms,
        {key: _failing(state, one, now) for key, one in failing.items()},
        Counter(
            scope for one in state.instances.values() if one.phase is Phase.UP for scope in scopes_of(one)
        ),
        policy=policy.guard,
        now=now.monotonic,
    )
    state, decision = replace(state, storms=found.storms), asked
    decision += Decision((), tuple(_told(found, failing, policy)))
    state, noted = _remember(state, now)
    decision += noted
    for key in found.free:
        state, more = _report(state, failing[key], policy, now)
        decision += more
    times = [_due_at(one) for one in failing.values() if one.stories.due and _due_at(one) > now.monotonic]
    over = found.wake_at(policy.guard)
    state, more = _sleep(state, min([*times, *([] if over is None else [over])], default=None))
    return state, decision + more


def _put_off(state: State, weigh_at: float, now: Instant) -> State:
    """Nobody heard anything for a while: whose wait would have ended in it begins to wait now."""
    instances = {
        key: replace(
            one, stories=replace(one.stories, failing_from=now.monotonic, put_off=one.stories.put_off + 1)
        )
        for key, one in state.instances.items()
        if one.stories.due and _due_at(one) >= weigh_at and one.stories.put_off < MOST_PUT_OFF
    }
    return replace(state, instances={**state.instances, **instances}) if instances else state


def _go_on(state: State, failing: Mapping[str, Instance], now: Instant) -> State:
    """A storm of the last life stands again when a report that it would hold is due."""
    if not state.old_storms.storms:
        return state
    due = (one for one in failing.values() if one.stories.due and _due_at(one) <= now.monotonic)
    scopes = [scope for one in due for scope in scopes_of(one)]
    old, storms = stand_again(state.old_storms, scopes, state.storms, now.monotonic)
    if old.storms and not any(one.stories.due for one in state.instances.values()):
        # The errors of all that they held are over.
        old = replace(old, storms={})
    return replace(state, old_storms=old, storms=storms)


def _remember(state: State, now: Instant) -> tuple[State, Decision]:
    old, commands = note(state.old_storms, state.storms, now)
    return (replace(state, old_storms=old), Decision(commands)) if commands else (state, NOTHING)


def learn(state: State, seen: StoragesSeen, policy: Policy, now: Instant) -> tuple[State, Decision]:
    """The answer to the question on what storages the disks are; of whom it does not tell, what was known stays."""
    decision = NOTHING
    for (uri, uuid), one in list(state.instances.items()):
        if uri == seen.uri and uuid in seen.storages:
            state, kept = keep(state, replace(one, storages=seen.storages[uuid]), policy.boot_id, now)
            decision += kept
    return state, decision


def _ask(state: State, failing: Mapping[str, Instance], now: Instant) -> tuple[State, Decision]:
    """On what storages are the disks of the instances of a libvirt at which a report waits?"""
    untold: dict[str, bool] = {}
    for one in failing.values():
        if one.stories.due and not state.libvirt(one.identity.uri).sight.is_away:
            untold[one.identity.uri] = untold.get(one.identity.uri, False) or one.storages is None
    due = {
        uri: now.monotonic
        for uri, is_untold in sorted(untold.items())
        if now.monotonic - state.storages.get(uri, -math.inf) >= (SOON if is_untold else FRESH)
    }
    if not due:
        return state, NOTHING
    return replace(state, storages={**state.storages, **due}), Decision(tuple(map(AskStorages, due)))


def _sleep(state: State, at: float | None) -> tuple[State, Decision]:
    """Weigh again at that monotonic second, at the latest."""
    if at == state.weigh_at:
        return state, NOTHING
    return replace(state, weigh_at=at), Decision((WakeAt(IO_STORM, at),))


def _key(instance: Instance) -> str:
    return f"{instance.identity.uuid}@{instance.identity.uri}"


def _due_at(instance: Instance) -> float:
    return instance.stories.failing_from + WAIT


def _failing(state: State, instance: Instance, now: Instant) -> Failing:
    libvirt, since = state.libvirt(instance.identity.uri), instance.stories.failing_from
    if libvirt.sight.is_away:
        # As when it is heard again: what passes meanwhile does not count.
        since += now.monotonic - max(since, libvirt.since)
    return Failing(
        since=since - instance.stories.failed_before,
        scopes=scopes_of(instance),
        waits=instance.stories.due and _due_at(instance) <= now.monotonic,
        seen=not libvirt.sight.is_away,
    )


def _report(state: State, instance: Instance, policy: Policy, now: Instant) -> tuple[State, Decision]:
    why = f"libvirt said {IO_ERROR} of {instance.identity.name}"
    stories = instance.stories.reported(now)
    state, kept = keep(state, replace(instance, stories=stories), policy.boot_id, now)
    verdict = Verdict(subject_of(instance.identity), Ruling.REPORTED, why, rule=Rule.STORY)
    return state, Decision((notify(instance, IO_ERROR, why, policy, now),), (verdict,)) + kept


def _told(found: StormRound, failing: dict[str, Instance], policy: Policy) -> Iterator[Verdict]:
    for storm in found.began:
        words = (
            f"{len(storm.failed)} instances have I/O errors together ({storm.scope}), which is rather the failure of "
            "what they share, such as storage: masakari is not told of them until nothing has changed for "
            f"{policy.guard.hold:.0f} s. Look at the storage first"
        )
        names = sorted(failing[key].identity.name for key in storm.failed if key in failing)
        yield Verdict(
            f"storm:{storm.scope}", Ruling.HELD, words, evidence=", ".join(names), alarm=True, rule=Rule.STORM
        )
    for scope in found.ended:
        words = f"the storm of I/O errors is over ({scope}): nothing is held because of it any more"
        yield Verdict(f"storm:{scope}", Ruling.RECOVERED, words, rule=Rule.STORM)

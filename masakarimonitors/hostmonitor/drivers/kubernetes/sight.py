"""Whether what the API server shows of other hosts may be believed. Pure: facts in, one doubt out, or none.

An API server that answers is not enough. If this host's own Node is lost while this monitor runs on it, then
what makes Nodes lost is not their death. If no kubelet's stamp moves any more, nobody's can be written (etcd
takes no writes). If stamps go back, the API server shows the past (etcd was restored from a backup), in which a
living host may be lost, and vouched to be off. If one Node's stamp stands still and the Node is not turned over,
then nobody watches them (kube-controller-manager is away): a dead host would look healthy. Stamps are compared with
each other and counted by this host's monotonic clock; its wall clock only says how old one is at the first look.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.outside import moment
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import NodeSeen

NOBODY_RENEWS = 60.0
"""Seconds: kubelets renew their Leases every 10 s (a quarter of 40 s, which is leaseDurationSeconds)."""
OWN_SHARE = 0.5
"""Of the own Lease's duration (20 s of 40): a renewal was missed. Kubelets that lose the API server together have
renewed within 10 s of each other: others are called lost 30 s later at the earliest, when the own one is older."""
NOT_TURNED_OVER = 120.0
"""Seconds: the controller's grace period is 40 to 50 s by default."""
NOBODY_POSTS = 660.0
"""Seconds: kubelets post an unchanged status every 5 minutes; twice that and a minute."""
POST_NOT_TURNED_OVER = 960.0
"""Seconds: three such posts and a minute."""
PAST_FOR = 120.0
"""Seconds after stamps were seen to go back: kubelets write what is now within 10 s of reaching the API server, and the
controller calls whoever does not lost after 40 to 50 s; both may have to find it again first."""


@dataclass(frozen=True, slots=True)
class Beats:
    """Stamps by Node: each with the monotonic second at which it was seen to change; looked at last at `looked`.

    `set_back`: the monotonic second at which more than half of them were seen to go back.
    """

    moved: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    looked: float = -math.inf
    set_back: float = -math.inf

    def hear(self, stamps: Mapping[str, str], now: Instant) -> "Beats":
        """After a look that showed exactly these stamps."""
        heard, back = {}, 0
        for name, stamp in stamps.items():
            before = self.moved.get(name)
            if before is None:
                heard[name] = (stamp, now.monotonic - _age(stamp, now))
            else:
                heard[name] = before if before[0] == stamp else (stamp, now.monotonic)
                back += _is_before(stamp, before[0])
        many = 2 * back > len(self.moved.keys() & heard.keys())
        return Beats(heard, now.monotonic, now.monotonic if many else self.set_back)

    @property
    def past(self) -> bool:
        """Whether what they are shown with may be of the past."""
        return self.looked - self.set_back < PAST_FOR

    def age(self, name: str) -> float | None:
        """For how many seconds this Node's stamp had not moved at the last look; None when it has none."""
        entry = self.moved.get(name)
        return None if entry is None else self.looked - entry[1]

    @property
    def youngest(self) -> float:
        """The age of the stamp that moved last; infinite without any."""
        return self.looked - max(since for _, since in self.moved.values()) if self.moved else math.inf


def _is_before(stamp: str, other: str) -> bool:
    # As text first: of stamps that go forward, which is nearly all of them, none has to be read.
    if not stamp < other:
        return False
    one, two = moment(stamp), moment(other)
    return one is not None and two is not None and one < two


def _age(stamp: str, now: Instant) -> float:
    when = moment(stamp)
    return 0.0 if when is None else max(0.0, (now.wall - when).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known for the judgement.

    `own`: this host's Node as it is now; None: it is none any more. `nowhere`: this monitor runs on no Node, as the
    operator says. `own_duration`: seconds of the own Lease. `leases` is empty when they may not be read.
    """

    own: NodeSeen | None
    nowhere: bool = False
    own_lease: Beats = Beats()
    own_duration: float = 40.0
    nodes: Mapping[str, NodeSeen]
    leases: Beats = Beats()
    heartbeats: Beats = Beats()


def find_doubt(sight: Sight) -> str:
    """Why this view proves nothing about others, in one clause; empty when there is no reason to doubt it."""
    doubt = "" if sight.nowhere else _doubt_own(sight)
    doubt = doubt or find_past(sight.own_lease, sight.leases, sight.heartbeats)
    return doubt or _doubt_all(sight) or _doubt_controller(sight)


def find_past(*all_beats: Beats) -> str:
    """Why what is shown with these stamps may be of the past, in one clause; empty when it is not."""
    if not any(beats.past for beats in all_beats):
        return ""
    return (
        f"what kubelets have written went back in time within the last {PAST_FOR:g} s: etcd was restored from a "
        "backup, and the nodes are shown as they were then (or this host's clock was set back)"
    )


def _doubt_own(sight: Sight) -> str:
    own = sight.own
    if own is None:
        return "this host's own Node is not there any more"
    if own.lost:
        return (
            f"this host's own Node {own.name} is lost as well ({own.sighting.evidence}), though it runs: what the API "
            "server says of others may be as wrong"
        )
    if not own.ready:
        return f"this host's own Node {own.name} is not ready ({own.sighting.evidence})"
    age = sight.own_lease.age(own.name)
    if age is not None and age > sight.own_duration * OWN_SHARE:
        return (
            f"the Lease of this host's own Node {own.name} is not renewed: its kubelet does not reach the API server, "
            "and others' may fail for the same reason"
        )
    return ""


def _doubt_all(sight: Sight) -> str:
    if sight.leases.moved or sight.own_lease.moved:
        if min(sight.leases.youngest, sight.own_lease.youngest) > NOBODY_RENEWS:
            return f"no kubelet has renewed its Lease for {NOBODY_RENEWS:g} s: the API server takes no writes"
    elif sight.heartbeats.moved and sight.heartbeats.youngest > NOBODY_POSTS:
        return (
            f"no kubelet has posted its status for {NOBODY_POSTS:g} s: the API server takes no writes, or this "
            "host's clock is ahead"
        )
    return ""


def _doubt_controller(sight: Sight) -> str:
    for name, node in sorted(sight.nodes.items()):
        if node.sighting.value is not Membership.UP:
            continue
        lease, heartbeat = sight.leases.age(name), sight.heartbeats.age(name)
        limit = NOT_TURNED_OVER if lease is not None else POST_NOT_TURNED_OVER
        ages = [age for age in (lease, heartbeat) if age is not None]
        if ages and min(ages) > limit:
            return (
                f"the kubelet of {name} has been silent for more than {limit:g} s, and its Node is not called lost: "
                "kube-controller-manager does not work, so no loss would be seen"
            )
    return ""

"""What a step that waits keeps in memory, estimated: near enough, and not in time that grows with the cluster."""

import sys
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from masakarimonitors.recording.weight import added, weight


@dataclass(frozen=True)
class Held:
    hosts: Any = field(default_factory=dict)
    more: Any = ()


def test_of_what_was_seen_all_counts() -> None:
    names = [f"node{number:05}" for number in range(1000)]
    whole = sys.getsizeof(names) + sum(map(sys.getsizeof, names))
    assert whole <= weight(names) <= 1.1 * whole
    assert weight(Held({"a": names})) > weight({"a": names}) > weight(names)
    assert weight(()) == sys.getsizeof(())


def test_of_a_state_only_what_the_one_before_has_not() -> None:
    before = Held(dict.fromkeys(range(1000)), (1, 2))
    assert added(before, before) == 0
    assert added(replace(before, more=(1,)), before) < 300
    changed = replace(before, hosts={**before.hosts, 7: "changed"})
    assert sys.getsizeof(changed.hosts) <= added(changed, before) <= sys.getsizeof(changed.hosts) + 300
    assert added(Held(changed), Held(before)) > 30_000, "within another, too"
    assert added(Held(MappingProxyType(changed.hosts)), None) > 30_000, "and where it cannot be measured"

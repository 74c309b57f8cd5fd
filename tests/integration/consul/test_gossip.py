"""What the real gossip says of a server that is gone before anybody can ask its datacentre's leader."""

import contextlib
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from tests.fixtures.waiting import until
from tests.integration.consul.cluster import STORAGE, Cluster, node_name
from tests.integration.consul.holding import holding
from tests.integration.consul.listening import listening

pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.timeout(300)]

# Only the leader's word; gossip and the name of the leader go on to be answered.
LEADERS_WORD = ("/v1/health/", "/v1/catalog/")


@pytest.mark.parametrize(
    ("node", "how"),
    [(3, "agent killed"), (3, "leave"), (4, "agent killed"), (4, "leave"), (4, "dead")],
    ids=lambda value: {3: "through-a-server", 4: "through-a-client"}.get(value, value),
)
def test_a_leader_that_is_gone_before_its_successor_is_heard(
    cluster: Cluster, tmp_path: Path, how: str, node: int
) -> None:
    """The new leader has taken it out of the catalogue by then, and gossip calls it left either way.

    So its host is asked: one that answers has lost its agent alone, and one that is silent for a minute is down.
    """
    leader = cluster.leader(STORAGE)
    assert leader is not None
    node = node if node != leader else 2
    name = node_name(leader)
    with holding(cluster.socket(node, STORAGE), tmp_path / "agent.sock") as way:
        access = Access(address=parse_address(f"unix://{way.path}"))
        with listening(cluster, node, access) as heard:
            until(lambda: heard.values.get(name) is Membership.UP, lambda: heard.why)
            way.hold(*LEADERS_WORD)
            if how == "leave":
                cluster.leave(leader, STORAGE)
            else:
                if how == "dead":
                    cluster.cut(leader, STORAGE)
                cluster.kill(leader, STORAGE)

            def removed() -> bool:
                try:
                    listed = name in cluster.statuses(node, STORAGE)
                except (OSError, ValueError):
                    return False
                return not listed and cluster.members(node, STORAGE)[name] == 3

            until(removed, f"{name} is taken out of the catalogue")
            way.release()
            until(lambda: heard.values.get(name) is not Membership.UP, lambda: (heard.values, heard.why))
            if how == "dead":
                until(lambda: heard.values.get(name) is Membership.DOWN, lambda: (heard.values, heard.why))
            elif how == "agent killed":
                assert heard.values.get(name) is Membership.UNKNOWN, heard.values
            else:
                assert heard.values.get(name) in (Membership.LEFT, Membership.UNKNOWN), heard.values


def test_a_server_that_says_good_bye_has_left(cluster: Cluster) -> None:
    """Its host answers as it goes, though nobody listens at the agent's port any more."""
    leader = cluster.leader(STORAGE)
    watcher, leaving = 4, next(node for node in (1, 2, 3) if node != leader)
    access = Access(address=parse_address(f"unix://{cluster.socket(watcher, STORAGE)}"))
    with listening(cluster, watcher, access) as heard:
        until(lambda: heard.values.get(node_name(leaving)) is Membership.UP, lambda: heard.why)
        cluster.leave(leaving, STORAGE)
        until(lambda: heard.values.get(node_name(leaving)) is Membership.LEFT, lambda: heard.values)


def test_a_crashed_server_that_is_seen_again_only_when_it_is_buried_has_not_left(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The leader's word, and gossip's, are held up from the crash until its leader has had it leave."""
    leader = cluster.leader(STORAGE)
    watcher, dead = 4, next(node for node in (1, 2, 3) if node != leader)
    name = node_name(dead)
    with holding(cluster.socket(watcher, STORAGE), tmp_path / "agent.sock") as way:
        access = Access(address=parse_address(f"unix://{way.path}"))
        with listening(cluster, watcher, access) as heard:
            until(lambda: heard.values.get(name) is Membership.UP, lambda: heard.why)
            way.hold("/v1/health/state", "/v1/catalog", "/v1/agent/members")
            cluster.cut(dead, STORAGE)
            cluster.kill(dead, STORAGE)

            def is_taken_out() -> bool:
                with contextlib.suppress(OSError):  # one that has no leader for moments is asked again
                    return name not in cluster.statuses(watcher, STORAGE)
                return False

            until(is_taken_out, f"{name} is taken out")
            way.release()
            until(lambda: heard.values.get(name) is not Membership.UP, lambda: (heard.values, heard.why))
            # Down, if the answer that was waited for at that moment still brought the word.
            assert heard.values.get(name) in (Membership.UNKNOWN, Membership.DOWN), heard.values

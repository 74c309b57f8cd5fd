"""When an API server that answers is not believed."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import NodeSeen, read_node
from masakarimonitors.hostmonitor.drivers.kubernetes.sight import (
    NOBODY_POSTS,
    NOBODY_RENEWS,
    NOT_TURNED_OVER,
    OWN_SHARE,
    PAST_FOR,
    POST_NOT_TURNED_OVER,
    Beats,
    Sight,
    find_doubt,
    find_past,
)
from tests.fixtures.fake_clock import EPOCH
from tests.unit.hostmonitor.drivers.kubernetes.hearing import node

NAMES = ("own", "n2", "n3")


def at(seconds: float) -> Instant:
    return Instant(1000.0 + seconds, EPOCH + datetime.timedelta(seconds=seconds))


def beats(seconds: float, **still_for: float) -> Beats:
    """As they are known at `seconds`: each stamp stands still for so long."""
    heard = Beats()
    for moment in sorted({seconds} | {seconds - still for still in still_for.values()}):
        stamps = {name: "new" if seconds - still <= moment else "old" for name, still in still_for.items()}
        heard = heard.hear(stamps, at(moment))
    return heard


def seen(name: str, status: str = "True") -> NodeSeen:
    return read_node(node(name, status))


def sight(
    own: str | None = "True", leases: Beats | None = None, heartbeats: Beats | None = None, **nodes: str
) -> Sight:
    listed = dict.fromkeys(NAMES, "True") | nodes
    return Sight(
        own=None if own is None else seen("own", own),
        nodes={name: seen(name, status) for name, status in listed.items()},
        own_lease=leases or Beats(),
        leases=leases or Beats(),
        heartbeats=heartbeats or Beats(),
    )


FRESH = beats(500, own=2, n2=5, n3=9)


def test_fresh_stamps_leave_no_doubt() -> None:
    assert find_doubt(sight(leases=FRESH)) == ""
    assert find_doubt(sight(heartbeats=beats(500, own=100, n2=290, n3=200))) == ""
    assert find_doubt(sight()) == ""


@pytest.mark.parametrize(
    ("own", "words"), [("Unknown", "lost as well"), ("False", "not ready"), (None, "not there any more")]
)
def test_a_monitor_whose_own_node_is_not_ready_believes_nothing(own: str | None, words: str) -> None:
    assert words in find_doubt(sight(own, FRESH, n2="Unknown", n3="Unknown"))


def test_a_monitor_that_runs_on_no_node_has_none_to_doubt_by() -> None:
    assert find_doubt(Sight(own=None, nowhere=True, nodes={}, leases=FRESH)) == ""


@pytest.mark.parametrize(("still", "doubted"), [(40 * OWN_SHARE, False), (40 * OWN_SHARE + 0.1, True)])
def test_an_own_kubelet_that_renews_nothing_is_doubt_before_any_node_can_be_called_lost(
    still: float, doubted: bool
) -> None:
    assert (
        "own Node own is not renewed" in find_doubt(sight(leases=beats(500, own=still, n2=1, n3=1)))
    ) == doubted


@pytest.mark.parametrize(("still", "doubted"), [(NOBODY_RENEWS, False), (NOBODY_RENEWS + 0.1, True)])
def test_when_no_lease_moves_the_api_server_takes_no_writes(still: float, doubted: bool) -> None:
    nobody = Sight(
        own=None, nowhere=True, nodes={"n2": seen("n2")}, leases=beats(500, n2=still, n3=still + 7)
    )
    assert ("takes no writes" in find_doubt(nobody)) == doubted


@pytest.mark.parametrize(("still", "doubted"), [(NOBODY_POSTS, False), (NOBODY_POSTS + 0.1, True)])
def test_without_leases_the_conditions_stamps_judge(still: float, doubted: bool) -> None:
    posts = beats(2000, own=still, n2=still + 1, n3=still + 2)
    assert ("has posted its status" in find_doubt(sight(heartbeats=posts))) == doubted


@pytest.mark.parametrize("status", ["True", "False"])
@pytest.mark.parametrize(("still", "doubted"), [(NOT_TURNED_OVER, False), (NOT_TURNED_OVER + 0.1, True)])
def test_a_silent_kubelet_whose_node_nobody_turns_over(status: str, still: float, doubted: bool) -> None:
    found = find_doubt(sight(leases=beats(500, own=1, n2=still, n3=1), n2=status))
    assert ("kube-controller-manager does not work" in found and "of n2" in found) == doubted


def test_a_kubelet_that_only_posts_its_status_is_not_silent() -> None:
    still = beats(500, own=1, n2=NOT_TURNED_OVER + 60, n3=1)
    assert find_doubt(sight(leases=still, heartbeats=beats(500, own=200, n2=30, n3=200))) == ""


def test_a_node_that_is_called_lost_may_be_silent() -> None:
    assert find_doubt(sight(leases=beats(5000, own=1, n2=4000, n3=1), n2="Unknown")) == ""


@pytest.mark.parametrize(
    ("still", "doubted"), [(POST_NOT_TURNED_OVER, False), (POST_NOT_TURNED_OVER + 0.1, True)]
)
def test_without_leases_three_posts_are_waited_for(still: float, doubted: bool) -> None:
    found = find_doubt(sight(heartbeats=beats(2000, own=200, n2=still, n3=200)))
    assert ("kube-controller-manager" in found) == doubted


def test_at_the_first_look_the_wall_clock_says_how_old_a_stamp_is() -> None:
    ten_hours = EPOCH - datetime.timedelta(hours=10)
    old = Beats().hear({"n2": ten_hours.strftime("%Y-%m-%dT%H:%M:%SZ")}, at(0))
    assert old.age("n2") == 36000
    assert "has posted its status" in find_doubt(sight(heartbeats=old))


def test_a_stamp_from_the_future_or_without_sense_is_new() -> None:
    assert Beats().hear({"a": "2126-01-01T00:00:00Z", "b": "?"}, at(0)).moved == {
        "a": ("2126-01-01T00:00:00Z", 1000.0),
        "b": ("?", 1000.0),
    }


def test_who_is_not_there_any_more_is_forgotten() -> None:
    assert FRESH.hear({"n2": "new"}, at(501)).age("n3") is None


def stamps(minute: int, *names: str) -> dict[str, str]:
    return {name: f"2026-05-01T12:{minute:02d}:00Z" for name in names}


def test_stamps_that_go_back_are_of_a_backup_for_as_long_as_kubelets_need_to_say_what_is_now() -> None:
    heard = Beats().hear(stamps(30, *NAMES), at(0)).hear(stamps(31, *NAMES), at(5))
    assert find_past(heard) == ""
    heard = heard.hear(stamps(20, *NAMES), at(10))
    assert "etcd was restored" in find_doubt(sight(leases=heard))
    heard = heard.hear(stamps(32, *NAMES), at(15))
    assert "etcd was restored" in find_doubt(sight(leases=heard)), "others may not have written yet"
    assert find_past(heard.hear(stamps(33, *NAMES), at(10 + PAST_FOR))) == ""


def test_one_kubelet_whose_clock_was_set_back_is_no_backup_unless_it_is_the_own_one() -> None:
    heard = (
        Beats().hear(stamps(30, *NAMES), at(0)).hear({**stamps(31, "own", "n2"), **stamps(1, "n3")}, at(5))
    )
    assert find_past(heard) == ""
    own = Beats().hear(stamps(30, "own"), at(0)).hear(stamps(1, "own"), at(5))
    assert "clock was set back" in find_past(own)


def test_nodes_that_go_and_come_are_no_backup() -> None:
    heard = Beats().hear(stamps(30, *NAMES), at(0)).hear(stamps(31, "own"), at(5)).hear({}, at(10))
    assert find_past(heard.hear(stamps(1, *NAMES), at(15))) == ""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.decisions import Instant
from masakarimonitors.hostmonitor.links import BLANK, sight
from masakarimonitors.hostmonitor.observation import Link, Sighting
from masakarimonitors.hostmonitor.outage import HostState, Outage, ProofPolicy, memo, newcomer, recall
from masakarimonitors.notifications import HostStatus

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


def test_the_memory_of_a_reported_outage_survives() -> None:
    down = sight(BLANK, Sighting(Link.DOWN), 0.0, True)
    outage = Outage(Instant(0.0, WHEN), reported=HostStatus.UNKNOWN, reported_at=WHEN, delivered=True)
    kept = memo(HostState((BLANK, down), known_up=True, outage=outage), ("a", "b"))
    assert kept is not None
    host = recall(kept, ("a", "b"))
    assert host.known_up
    assert [link.value for link in host.links] == [Link.UNKNOWN, Link.DOWN]
    assert host.outage is not None and host.outage.entry == outage.entry


def test_of_a_newcomer_nothing_is_kept() -> None:
    assert memo(newcomer(3), ("a", "b", "c")) is None


def test_links_that_the_matrix_has_no_more_are_dropped() -> None:
    down = sight(BLANK, Sighting(Link.DOWN), 0.0, True)
    kept = memo(HostState((down,)), ("a",))
    assert kept is not None
    assert [link.value for link in recall(kept, ("b", "a")).links] == [Link.UNKNOWN, Link.DOWN]


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.integers(),
    lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["up", "links", "reported", "reported_at", "delivered", "other"]), JSON)
)
def test_memory_of_any_shape_can_be_recalled(kept: dict[str, object]) -> None:
    assert recall(kept, ("a",)).links  # type: ignore[arg-type]


def test_proof_is_sought_at_the_manuals_pace_then_more_slowly() -> None:
    policy = ProofPolicy(retries=3, interval=10.0, slowest=300.0)
    assert [policy.next_ask(attempts, 0.0) for attempts in range(1, 10)] == [
        10, 10, 10, 10, 20, 40, 80, 160, 300,
    ]  # fmt: skip

"""The rules that the host monitor judges by."""

from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.state import ProofPolicy, Segments, restore
from tests.fixtures.host_play import policy


def test_proof_is_sought_at_the_manuals_pace_then_more_slowly() -> None:
    policy = ProofPolicy(retries=3, interval=10.0, slowest=300.0)
    assert [policy.next_ask(attempts, 0.0) for attempts in range(1, 10)] == [
        10, 10, 10, 10, 20, 40, 80, 160, 300,
    ]  # fmt: skip


def test_a_proof_counts_for_twice_the_time_of_an_answer() -> None:
    assert ProofPolicy(answer_limit=120.0).age == 240.0


def test_masakaris_names_are_compared_without_case() -> None:
    segments = Segments(hosts={"node-5": "Node-5"}, disabled=frozenset({"node-5"}))
    assert (segments.has("NODE-5"), segments.has("node-6"), Segments().has("node-5")) == (True, False, None)
    assert segments.recovers_nothing("Node-5") and not segments.recovers_nothing("node-6")


def test_where_nobody_is_to_be_elected_all_report_from_the_start() -> None:
    assert restore(policy(elected=False), {}).cluster.reporter.standing is Standing.ALL
    assert restore(policy(elected=True), {}).cluster.reporter.standing is Standing.UNKNOWN

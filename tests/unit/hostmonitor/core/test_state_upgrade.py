"""What the host monitor of an earlier release remembered: the same hosts, outages and reports after an upgrade."""

from masakarimonitors.hostmonitor.core.observation import Membership, Power
from masakarimonitors.hostmonitor.core.outages.host import HostState, memo
from masakarimonitors.hostmonitor.core.outages.outage import Fate
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy, restore
from tests.fixtures import old_state
from tests.fixtures.host_play import THREE, Play, policy, started, stopped
from tests.fixtures.outages import undelivered
from tests.fixtures.playbook import EPOCH

MEMORY = old_state.memory("hostmonitor")
RULES = policy(proof=ProofPolicy(retries=1))
OLD = "2026-01-01T00:"

# Host: seen in service; what stands on manage, tenant, storage; the report, its generated_time, whether masakari
# has it; whether it was on maintenance since. An undelivered report is sent once more if the host still fails.
DOWN = "down down down"
HOSTS = {
    "compute-up": (True, "unknown unknown unknown", None),
    "compute-back": (True, "unknown unknown unknown", None),
    "compute-recovered": (True, "unknown unknown unknown", None),
    "compute-left": (True, "left left left", None),
    "compute-left-once": (True, "unknown left unknown", None),
    "compute-partly": (True, "down unknown unknown", None),
    "compute-mixed": (True, "down left unknown", None),
    "compute-delivered": (True, DOWN, ("NORMAL", "00:22", True, False)),
    "compute-maintained": (True, DOWN, ("NORMAL", "00:29", True, True)),
    "compute-refused": (True, DOWN, ("NORMAL", "00:36", True, False)),
    "compute-twice": (True, DOWN, ("NORMAL", "00:43", True, False)),
    "compute-newcomer": (False, DOWN, ("NORMAL", "17:12", True, False)),
    "compute-unproven": (True, DOWN, ("UNKNOWN", "01:14", True, False)),
    "compute-unproven-pending": (True, DOWN, ("UNKNOWN", "16:49", False, False)),
    "compute-expired": (True, DOWN, ("NORMAL", "00:02", False, False)),
    "compute-reoffered": (True, DOWN, ("NORMAL", "13:11", False, False)),
    "compute-doubtful": (True, DOWN, ("NORMAL", "16:31", False, False)),
    "compute-window": (True, DOWN, ("NORMAL", "16:35", False, False)),
    "compute-flapping": (True, "down down unknown", ("NORMAL", "16:43", False, False)),
    "compute-not-offered": (True, DOWN, ("NORMAL", "17:28", False, False)),
}
UNDELIVERED = {
    "compute-unproven-pending",
    "compute-expired",
    "compute-reoffered",
    "compute-doubtful",
    "compute-window",
    "compute-flapping",
    "compute-not-offered",
}


def plain(host: HostState) -> tuple[bool, str, tuple[str, str, bool, bool] | None]:
    """A host in the words of the table."""
    links = " ".join(link.value.value for link in host.links)
    outage = host.outage
    if outage is None:
        return host.seen_in_service, links, None
    report = outage.report
    assert report is not None and report.fate in (Fate.ACCEPTED, Fate.TAKEN_BACK)
    at = report.made_at.isoformat().removeprefix(OLD).removesuffix("+00:00")
    return (
        host.seen_in_service,
        links,
        (report.host_status.value, at, report.arrived, outage.flag.was_set),
    )


def test_every_host_stands_as_it_stood() -> None:
    state = restore(RULES, MEMORY)
    assert {name: plain(host) for name, host in state.hosts.items()} == HOSTS
    assert state.troubled == frozenset(HOSTS)
    assert set(undelivered(state)) == UNDELIVERED


def test_what_is_remembered_does_not_change_on_the_way() -> None:
    hosts = restore(RULES, MEMORY).hosts
    assert {f"host:{name}": memo(host, THREE) for name, host in hosts.items()} == MEMORY


def test_this_host_itself_is_not_remembered() -> None:
    assert "compute-delivered" not in restore(policy(own="compute-delivered"), MEMORY).hosts


def play(down: set[str], rules: Policy = RULES) -> Play:
    """The first look after the upgrade: these hosts are down everywhere, the others are up."""
    play = Play(rules, MEMORY, api=False)
    for link in THREE:
        values = {name: Membership.DOWN if name in down else Membership.UP for name in HOSTS}
        play.view(link).sees(link, values, whole=True)
    return play.wait(5)


def test_all_that_still_fail_are_reported_again_only_where_masakari_may_not_know() -> None:
    failing = {name for name, (_, _, report) in HOSTS.items() if report is not None}
    stage = play(failing)
    # What was told as proven has to be proven anew; the two that were told without proof go on being asked about.
    assert {question.host for question in stage.asked} == UNDELIVERED | {"compute-unproven"}
    for question in list(stage.asked):
        if HOSTS[question.host][2][0] == "NORMAL":  # type: ignore[index]
            stage.power(question.host, Power.OFF, question)
    reported = UNDELIVERED - {"compute-unproven-pending"}
    assert sorted(stage.reports) == sorted(
        [*(stopped(host) for host in reported), stopped("compute-unproven-pending", "UNKNOWN")]
    )
    # They are older than masakari keeps a report alive: made anew, with a time of their own.
    assert all(notification.generated_time > EPOCH for notification in stage.sent)
    assert not any(note.again for note in stage.notified)


def test_all_that_are_back_are_said_to_be_back_and_nothing_is_reported() -> None:
    stage = play(set())
    assert sorted(stage.reports) == sorted(
        started(host) for host, (_, _, report) in HOSTS.items() if report is not None
    )
    # Once before anything is offered, for what may be stale, and once with the recovery.
    assert set(stage.withdrawn) >= {f"host:{host}" for host in UNDELIVERED}
    ended = {key for key, memory in stage.memory.items() if "ended" in memory}
    assert ended >= {f"host:{host}" for host, (_, _, report) in HOSTS.items() if report is not None}
    assert all(
        memory.keys() - {"ended", "aftermath"} == {"up"}
        for key, memory in stage.memory.items()
        if key.startswith("host:")
    )


def test_a_new_failure_of_a_host_that_was_up_is_reported() -> None:
    failing = {"compute-up", "compute-partly", "compute-left"}
    stage = play(failing, policy())
    assert {report for report in stage.reports if report[1] == "STOPPED"} == {stopped(h) for h in failing}
    assert all(stage.memory[f"host:{host}"]["up"] is True for host in failing)

"""Which configurations an operator is warned of."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    Cib,
    Connection,
    CrmMon,
    Expected,
    NodeState,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.remarks import remarks


def said(
    *, stonith: bool | None = True, action: str = "off", alerted: bool = True, asks_bmc: bool = True
) -> str:
    cib = Cib(quorate=True, nodes=(), stonith_action=action)
    mon = CrmMon(quorate=True, nodes={}, stonith=stonith)
    return " ".join(remarks(cib, mon, alerted, asks_bmc=asks_bmc, poll=10))


def test_a_cluster_that_switches_off_and_alerts_is_as_it_should_be() -> None:
    assert said() == said(stonith=None) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "reboot"}, "stonith-action = off"),
        ({"stonith": False}, "proven dead by its BMC alone"),
        ({"stonith": False, "asks_bmc": False}, "taken as off unchecked"),
        ({"asks_bmc": False}, "only proof here"),
        ({"alerted": False}, "pacemaker-alert"),
    ],
)
def test_what_is_dangerous_is_named(changes: dict[str, bool], words: str) -> None:
    assert words in said(**changes)  # type: ignore[arg-type]


def slow(*, members: int = 3, remotes: int = 1, threshold: float = 0.8, asks_bmc: bool = False) -> str:
    nodes = [NodeState(**SEEN, id=f"{n}", name=f"n{n}", remote=False) for n in range(members)]  # type: ignore[arg-type]
    connections = {f"r{n}": Connection("192.0.2.1") for n in range(remotes)}
    cib = Cib(
        quorate=True,
        nodes=tuple(nodes),
        stonith_action="off",
        load_threshold=threshold,
        connections=connections,
    )
    mon = CrmMon(quorate=True, nodes={}, stonith=True)
    found = remarks(cib, mon, True, asks_bmc=asks_bmc, poll=10)
    return next((one for one in found if "load-threshold" in one), "")


SEEN = {
    "in_ccm": True,
    "controller": True,
    "expected": Expected.MEMBER,
    "erased": False,
    "fenced_at": 0,
    "goodbye": False,
}


def test_a_small_cluster_with_remotes_that_may_be_too_busy_to_fence_is_named() -> None:
    said = slow()
    assert "any of the 3 members is above 1.6 for each" in said and "load-threshold, 80 %" in said
    assert "above 1.0 for each" in slow(threshold=0.5, members=4)


def test_whoever_has_seen_to_it_is_not_warned() -> None:
    assert not slow(asks_bmc=True)
    assert not slow(remotes=0)
    assert not slow(members=5)
    assert not slow(threshold=2.0)
    assert not slow(threshold=0.0)


def test_without_fencing_nothing_is_said_of_how_it_fences() -> None:
    assert "reboot" not in said(stonith=False, action="reboot")

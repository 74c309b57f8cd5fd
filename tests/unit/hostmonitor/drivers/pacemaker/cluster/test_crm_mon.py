"""Every recorded output of crm_mon, and the traps that they came with."""

import datetime
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.crm_mon import read_crm_mon
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    CrmMon,
    MonConnection,
    MonNode,
    Unreadable,
)

DATA = Path(__file__).parents[5] / "data" / "pacemaker"


@pytest.mark.parametrize("path", sorted(DATA.glob("*.crm_mon.xml")), ids=lambda p: p.name)
def test_every_recorded_crm_mon_is_read(path: Path) -> None:
    if path.name.startswith("own-corosync-dead"):
        with pytest.raises(Unreadable, match="lists no nodes"):
            read_crm_mon(path.read_text())
        return
    assert read_crm_mon(path.read_text()).nodes.keys() == {"n1", "n2", "n3", "r1"}


def test_quorum_is_read() -> None:
    assert read_crm_mon((DATA / "isolated-node-view-no-quorum.crm_mon.xml").read_text()).quorate is False
    assert read_crm_mon((DATA / "healthy.crm_mon.xml").read_text()).quorate is True


def test_only_the_newest_finished_fencing_counts() -> None:
    mon = read_crm_mon((DATA / "remote-graceful-stop-13s.crm_mon.xml").read_text())
    assert mon.fenced["r1"].key.startswith("2026-11-22 08:19:01Z")
    assert mon.fenced["n2"].key.startswith("2026-11-22 08:16:00Z")
    assert mon.failed["r1"].key.startswith("2026-11-22 08:18:09Z")
    pending = read_crm_mon((DATA / "node-down-unclean-fence-pending.crm_mon.xml").read_text())
    assert pending.under_way == {"n2"} and not pending.fenced


def test_planned_work_is_read() -> None:
    def nodes(name: str) -> dict[str, MonNode]:
        return dict(read_crm_mon((DATA / f"{name}.crm_mon.xml").read_text()).nodes)

    assert {n for n, node in nodes("healthy").items() if node.standby or node.maintenance} == set()
    assert {n for n, node in nodes("node-standby").items() if node.standby} == {"n2"}
    assert {n for n, node in nodes("node-maintenance").items() if node.maintenance} == {"n2"}
    assert read_crm_mon((DATA / "cluster-maintenance-mode.crm_mon.xml").read_text()).maintenance
    assert not read_crm_mon((DATA / "healthy.crm_mon.xml").read_text()).maintenance


def crm_mon(options: str = "", resources: str = "", fencings: str = "") -> CrmMon:
    return read_crm_mon(
        f"<pacemaker-result><summary><current_dc name='n1' with_quorum='true'/><cluster_options {options}/></summary>"
        f"<nodes><node name='n1' online='true' type='member'/></nodes><resources>{resources}</resources>"
        f"<fence_history>{fencings}</fence_history><status code='0'/></pacemaker-result>"
    )


def test_the_clusters_options_are_the_effective_ones() -> None:
    assert crm_mon().stonith is None and not crm_mon().stop_all and crm_mon().dc == "n1"
    assert crm_mon("stonith-enabled='false'").stonith is False
    assert crm_mon("stonith-enabled='true' fencing-enabled='false'").stonith is False  # Pacemaker 3.0.2
    assert crm_mon("stop-all-resources='true'").stop_all


@pytest.mark.parametrize("agent", ["ocf:pacemaker:remote", "ocf::pacemaker:remote"])
def test_a_connection_resource_with_all_that_applies_to_it(agent: str) -> None:
    def connection(more: str) -> MonConnection | None:
        inside = f"<resource id='r1' resource_agent='{agent}' {more}/>"
        return crm_mon(resources=f"<group id='g'>{inside}</group>").connections.get("r1")

    assert connection("role='Started' managed='true'") == MonConnection(stopped=False, managed=True)
    assert connection("target_role='Stopped' managed='true'") == MonConnection(stopped=True, managed=True)
    assert connection("managed='false'") == MonConnection(stopped=False, managed=False)
    for role, down in {"Started": False, "Stopping": False, "Stopped": True, "Starting": True}.items():
        assert connection(f"role='{role}'") == MonConnection(stopped=False, managed=True, down=down)
    assert connection("failure_ignored='true'") == MonConnection(stopped=False, managed=True, ignored=True)
    assert crm_mon(resources="<resource id='x' resource_agent='ocf:heartbeat:IPaddr2'/>").connections == {}


def test_who_holds_a_connection() -> None:
    agents = {"r1": "ocf:pacemaker:remote", "x": "ocf:heartbeat:IPaddr2", "r2": "ocf:pacemaker:remote"}
    inside = "".join(
        f"<resource id='{name}' resource_agent='{agent}'><node name='n-{name}' id='2'/></resource>"
        for name, agent in agents.items()
    )
    held = crm_mon(resources=f"{inside}<resource id='r3' resource_agent='ocf:pacemaker:remote'/>").connections
    assert {name: connection.on for name, connection in held.items()} == {
        "r1": {"n-r1"},
        "r2": {"n-r2"},
        "r3": set(),
    }


@pytest.mark.parametrize(
    ("completed", "utc"),
    [
        ("2026-11-22 08:19:01Z", "2026-11-22T08:19:01+00:00"),
        ("2026-11-22 08:19:01.123456Z", "2026-11-22T08:19:01.123456+00:00"),
        ("2026-11-22 09:19:01 +01:00", "2026-11-22T08:19:01+00:00"),
        ("2026-11-22 08:19:01", "2026-11-22T08:19:01+00:00"),
        ("yesterday", None),
        ("", None),
    ],
)
def test_when_a_host_was_fenced_and_how(completed: str, utc: str | None) -> None:
    def event(action: str) -> str:
        return f"<fence_event action='{action}' target='n2' status='success' completed='{completed}'/>"

    for action in ("off", "reboot"):
        done = crm_mon(fencings=event(action)).fenced["n2"]
        assert done.reboot is (action == "reboot")
        at = done.completed
        assert (at.astimezone(datetime.UTC).isoformat() if at else None) == utc
    assert crm_mon(fencings=event("on")).fenced == {}


def test_the_newest_fencing_is_that_also_in_the_hour_that_comes_twice() -> None:
    """As crm_mon writes them where the clocks were put back between the two."""
    ended = ("2026-10-25 02:50:00 +02:00", "2026-10-25 02:10:00 +01:00")
    events = "".join(
        f"<fence_event action='off' target='n2' status='success' completed='{at}'/>" for at in reversed(ended)
    )
    done = crm_mon(fencings=events).fenced["n2"].completed
    assert done is not None and done.isoformat() == "2026-10-25T01:10:00+00:00"

"""What Prometheus sees of one monitor."""

from masakarimonitors.status import metrics
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow, WaitingRow
from tests.fixtures.fake_clock import FakeClock


def test_metrics_are_in_prometheus_s_format(status: MonitorStatus, clock: FakeClock) -> None:
    text = metrics.render([status], clock).decode()
    for line in (
        'masakari_monitors_source_running{monitor="hostmonitor",source="consul"} 0.0',
        'masakari_monitors_source_failures_total{monitor="hostmonitor",source="consul"} 1.0',
        'masakari_monitors_outbox_pending{monitor="hostmonitor"} 3.0',
        'masakari_monitors_outbox_settled_total{monitor="hostmonitor",status="delivered"} 2.0',
        'masakari_monitors_verdicts_total{monitor="hostmonitor",ruling="reported"} 1.0',
        'masakari_monitors_subjects{monitor="hostmonitor",state="down"} 1.0',
        'masakari_monitors_held{monitor="hostmonitor",reason="storm"} 1.0',
        'masakari_monitors_api_reachable{monitor="hostmonitor"} 0.0',
        'masakari_monitors_alarms{monitor="hostmonitor"} 1.0',
    ):
        assert line in text.splitlines()
    assert text.count("masakari_monitors_held{") == 1, "what is up is held by nothing"


def test_what_stands_at_masakari_is_counted(clock: FakeClock) -> None:
    row = OutboxRow(
        where="/x",
        pending=9,
        counts={},
        disk_fault="",
        api_trouble="",
        waiting=[WaitingRow("vm:a", "because")],
        unfinished=2,
        overdue=4,
        delivered={"being worked on": 1, "failed at masakari": 3},
    )
    reports = [SubjectRow("host:b", "failed at masakari", "because", True), SubjectRow("vm:a", "delivered")]
    status = MonitorStatus(Record("m", clock.now()), tuple, lambda: row, lambda: reports)
    text = metrics.render([status], clock).decode()
    assert 'masakari_monitors_alarms{monitor="m"} 1.0' in text.splitlines()
    for line in ("waiting", "1.0"), ("unfinished", "2.0"), ("overdue", "4.0"):
        assert f'masakari_monitors_outbox_{line[0]}{{monitor="m"}} {line[1]}' in text.splitlines()
    for state, count in ("being worked on", "1.0"), ("failed at masakari", "3.0"):
        assert (
            f'masakari_monitors_outbox_delivered{{monitor="m",state="{state}"}} {count}' in text.splitlines()
        )


def test_health_and_views_are_of_closed_sets(clock: FakeClock) -> None:
    sight = [Sight.PROVEN]
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="", api_asked=False)
    views = lambda now: [View("link:manage", sight[0]), View("link:b", Sight.UNKNOWN)]  # noqa: E731
    status = MonitorStatus(Record("m", clock.now()), tuple, lambda: row, views=views)
    metrics.render([status], clock)
    sight[0] = Sight.BLIND
    lines = metrics.render([status], clock).decode().splitlines()
    for health, value in ("ok", "0.0"), ("degraded", "0.0"), ("blind", "1.0"):
        assert f'masakari_monitors_health{{health="{health}",monitor="m"}} {value}' in lines
    for view in "link:manage", "link:b":
        assert f'masakari_monitors_view_proven{{monitor="m",view="{view}"}} 0.0' in lines
    timestamps = [line for line in lines if line.startswith("masakari_monitors_last_view_timestamp_seconds{")]
    assert [float(line.split()[-1]) for line in timestamps] == [clock.now().wall.timestamp()]
    assert not [line for line in lines if line.startswith("masakari_monitors_api_reachable{")], "nobody asked"


def test_an_outbox_that_is_kept_nowhere_is_in_memory(clock: FakeClock) -> None:
    row = OutboxRow(where="memory", pending=0, counts={}, disk_fault="", api_trouble="", keeps=False)
    text = metrics.render([MonitorStatus(Record("m", clock.now()), tuple, lambda: row)], clock).decode()
    assert 'masakari_monitors_outbox_in_memory{monitor="m"} 1.0' in text.splitlines()

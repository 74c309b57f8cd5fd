"""What Prometheus sees of one monitor."""

from masakarimonitors.status import metrics
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

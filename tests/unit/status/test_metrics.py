"""What Prometheus sees of one monitor."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from masakarimonitors.core.explained import Standing
from masakarimonitors.status import metrics
from masakarimonitors.status.exposition import Counted
from masakarimonitors.status.health import Kind, Sight, View
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow, WaitingRow
from tests.fixtures.fake_clock import FakeClock

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def served(clock: FakeClock, *statuses: MonitorStatus) -> Mapping[str, float]:
    """Each sample by its name and labels, but for `monitor` and the names' prefix."""
    found = {}
    for line in metrics.render(statuses, clock).decode().splitlines():
        if not line.startswith("#"):
            sample, _, value = line.rpartition(" ")
            labels = ",".join(
                f'{label}="{word}"' for label, word in _LABEL.findall(sample) if label != "monitor"
            )
            name = sample.partition("{")[0].removeprefix("masakari_monitors_")
            found[f"{name}{{{labels}}}"] = float(value)
    return found


def shows(clock: FakeClock, row: OutboxRow, **more: object) -> MonitorStatus:
    return replace(MonitorStatus(Record("m", clock.now()), tuple, lambda: row), **more)  # type: ignore[arg-type]


@pytest.fixture
def row() -> OutboxRow:
    return OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")


def test_metrics_are_in_prometheus_s_format(status: MonitorStatus, clock: FakeClock) -> None:
    text = metrics.render([status], clock).decode()
    for line in (
        'masakari_monitors_source_running{monitor="hostmonitor",source="consul"} 0.0',
        'masakari_monitors_source_failures_total{monitor="hostmonitor",source="consul"} 1.0',
        'masakari_monitors_outbox_pending{monitor="hostmonitor"} 3.0',
        'masakari_monitors_verdicts_total{monitor="hostmonitor",ruling="reported"} 1.0',
        'masakari_monitors_held{monitor="hostmonitor",reason="storm"} 1.0',
        'masakari_monitors_api_reachable{monitor="hostmonitor"} 0.0',
        'masakari_monitors_alarms{monitor="hostmonitor"} 1.0',
        'masakari_monitors_faults_total{monitor="hostmonitor"} 1.0',
        'masakari_monitors_silences{monitor="hostmonitor"} 0.0',
    ):
        assert line in text.splitlines()
    assert text.count("masakari_monitors_held{") == 1, "what is up is held by nothing"


def test_several_monitors_write_the_same_families(status: MonitorStatus, clock: FakeClock) -> None:
    heads = [
        [line for line in metrics.render(shown, clock).decode().splitlines() if line.startswith("#")]
        for shown in ([], [status], [status, status])
    ]
    assert heads[0] == heads[1] == heads[2]
    assert len(heads[0]) == 2 * len({line.split()[2] for line in heads[0]})


def test_no_label_holds_a_number_and_every_sample_names_its_monitor(
    status: MonitorStatus, clock: FakeClock
) -> None:
    for line in metrics.render([status], clock).decode().splitlines():
        labels = dict(_LABEL.findall(line))
        assert line.startswith("#") or labels["monitor"] == "hostmonitor", line
        if "build_info" not in line:
            assert not any(re.search(r"\d", value) for name, value in labels.items() if name != "le"), line


def test_everything_that_may_be_told_is_told_as_nothing(clock: FakeClock, row: OutboxRow) -> None:
    """An alert on a series that appears with its first count never sees it grow."""
    found = served(clock, shows(clock, row, holds=["storm", "proof"]))
    for kind in Kind:
        assert found[f'causes{{cause="{kind.value}"}}'] == (kind is Kind.UNTOLD and 0.0)
    for standing in Standing:
        assert found[f'subjects{{state="{standing.value}"}}'] == 0.0
    assert found['held{reason="storm"}'] == found['held{reason="proof"}'] == 0.0
    for fate in ("delivered", "refused", "withdrawn", "expired"):
        for about in ("VM", "COMPUTE_HOST", "PROCESS"):
            assert found[f'reports_total{{fate="{fate}",type="{about}"}}'] == 0.0
    assert not any("pending" in name for name in found if name.startswith("reports_total"))
    assert found['verdicts_total{ruling="withdrawn"}'] == 0.0


def test_subjects_are_counted_by_where_they_stand(clock: FakeClock, row: OutboxRow) -> None:
    count = lambda now: {Standing.WELL: 998, Standing.HELD: 2}  # noqa: E731
    found = served(clock, shows(clock, row, count=count))
    assert (found['subjects{state="well"}'], found['subjects{state="held"}']) == (998.0, 2.0)
    assert found['subjects{state="told"}'] == 0.0


def test_reports_are_counted_by_what_they_are_about_and_by_their_end(
    clock: FakeClock, row: OutboxRow
) -> None:
    ended = {("VM", "delivered"): 2, ("unknown", "expired"): 1}
    row = replace(row, ended=ended, delays=Counted((1.0, float("inf")), (1, 1), 9.0), oldest=-5.0)
    found = served(clock, shows(clock, row))
    assert found['reports_total{fate="delivered",type="VM"}'] == 2.0
    assert found['reports_total{fate="expired",type="unknown"}'] == 1.0
    assert found['detection_to_delivery_seconds_bucket{le="1.0"}'] == 1.0
    assert found["detection_to_delivery_seconds_count{}"] == 2.0
    assert found["oldest_pending_seconds{}"] == clock.now().monotonic + 5.0


@pytest.mark.parametrize(("reports", "told"), [(True, 1.0), (False, 0.0), (None, None)])
def test_who_reports_is_told_where_one_is_elected(
    reports: bool | None, told: float | None, clock: FakeClock, row: OutboxRow
) -> None:
    assert served(clock, shows(clock, row, reports=lambda now: reports)).get("reporter{}") == told


def test_storms_silences_and_lost_records_are_counted(clock: FakeClock, row: OutboxRow) -> None:
    rows = [SubjectRow("storm:all hosts", "storm"), SubjectRow("host:storm", "up")]
    status = shows(
        clock, row, subjects=lambda: rows, silences=lambda: [{}, {}, {}], journal=lambda: {"lost": 4}
    )
    found = served(clock, status)
    assert (found["storms{}"], found["silences{}"], found["journal_records_lost_total{}"]) == (1.0, 3.0, 4.0)


def test_a_cause_is_counted_by_its_kind(clock: FakeClock, row: OutboxRow) -> None:
    found = served(clock, shows(clock, replace(row, volatile="it is memory", disk_fault="full")))
    assert found['causes{cause="state does not survive"}'] == found['causes{cause="not on disk"}'] == 1.0
    assert found['causes{cause="refused"}'] == 0.0


def test_what_this_process_uses_is_told(clock: FakeClock, row: OutboxRow) -> None:
    found = served(clock, shows(clock, row))
    for name in ("resident_memory_bytes", "start_time_seconds", "cpu_seconds_total", "open_fds", "max_fds"):
        assert found[f"process_{name}{{}}"] > 0
    assert any(name.startswith("build_info{") for name in found)


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
    found = served(clock, shows(clock, row, delivered=lambda: reports))
    assert found["alarms{}"] == 1.0
    assert (found["outbox_waiting{}"], found["outbox_unfinished{}"], found["outbox_overdue{}"]) == (1, 2, 4)
    assert found['outbox_delivered{state="being worked on"}'] == 1.0
    assert found['outbox_delivered{state="failed at masakari"}'] == 3.0


def test_health_and_views_are_of_closed_sets(clock: FakeClock, row: OutboxRow) -> None:
    sight = [Sight.PROVEN]
    views = lambda now: [View("link:manage", sight[0]), View("link:b", Sight.UNKNOWN)]  # noqa: E731
    status = shows(clock, replace(row, api_asked=False), views=views)
    metrics.render([status], clock)
    sight[0] = Sight.BLIND
    found = served(clock, status)
    assert [found[f'health{{health="{one}"}}'] for one in ("ok", "degraded", "blind")] == [0.0, 0.0, 1.0]
    assert found['view_proven{view="link:manage"}'] == found['view_proven{view="link:b"}'] == 0.0
    assert found['last_view_timestamp_seconds{view="link:manage"}'] == clock.now().wall.timestamp()
    assert 'last_view_timestamp_seconds{view="link:b"}' not in found
    assert "api_reachable{}" not in found, "nobody asked"


def test_an_outbox_that_is_kept_nowhere_is_in_memory(clock: FakeClock, row: OutboxRow) -> None:
    assert served(clock, shows(clock, replace(row, keeps=False)))["outbox_in_memory{}"] == 1.0


def test_the_monitors_of_all_hosts_are_counted_where_they_are_read(clock: FakeClock, row: OutboxRow) -> None:
    told = served(clock, shows(clock, row, fleet=lambda: {"counts": {"as others": 4, "silent": 0}}))
    assert (told['fleet{state="as others"}'], told['fleet{state="silent"}']) == (4, 0)
    unread = served(clock, shows(clock, row, fleet=lambda: {"seen_by": "node02"}), shows(clock, row))
    assert not [name for name in unread if name.startswith("fleet")]


def test_a_shadow_is_told_from_those_that_act(clock: FakeClock, row: OutboxRow) -> None:
    acts = served(clock, shows(clock, row))
    assert acts["shadow{}"] == 0.0 and not [name for name in acts if name.startswith("agreement")]
    told = {"agreement": {"pending": 1, "both": 2, "only we": 3, "only they": 4}}
    looks = served(clock, shows(clock, row, shadow=lambda: told))
    assert looks["shadow{}"] == 1.0 and looks['health{health="ok"}'] == 0.0
    assert [value for name, value in looks.items() if name.startswith("agreement")] == [1.0, 2.0, 3.0, 4.0]

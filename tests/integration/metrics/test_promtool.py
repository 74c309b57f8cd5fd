"""The alert rules, as Prometheus reads and judges them: each fires when it should, and only then."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.fixtures.promtool import promtool

ETC = Path(__file__).parents[3] / "etc/prometheus"
RULES = ETC / "masakari-monitors.rules.yml"

AT = 'job="masakari-monitors",instance="node01"'
OF = f'monitor="hostmonitor",{AT}'
OTHER = 'monitor="hostmonitor",job="masakari-monitors",instance="node02"'


@dataclass(frozen=True)
class Story:
    """Series, a value each minute, and when (in minutes) an alert is to stand, and when it is not."""

    alert: str
    series: Sequence[tuple[str, str]]
    stands: Sequence[int] = ()
    not_yet: Sequence[int] = ()
    count: int = 1


def ours(name: str, labels: str = "", place: str = OF) -> str:
    return f"masakari_monitors_{name}{{{','.join(filter(None, (labels, place)))}}}"


def gauge(alert: str, name: str, labels: str = "", *, value: str = "1", after: int = 0) -> list[Story]:
    """One that stands once that value has lasted for so many minutes, and goes with it."""
    series = [(ours(name, labels), f"0x4 {value}x{after + 4} 0x10")]
    return [Story(alert, series, stands=[5 + after], not_yet=[4, *([4 + after] * (after > 0)), 16 + after])]


DELIVERED = "detection_to_delivery_seconds"

STORIES: Sequence[Story] = (
    Story("MasakariNothingScraped", [('up{job="other"}', "1x40")], stands=[10], not_yet=[9]),
    Story("MasakariNothingScraped", [(f"up{{{AT}}}", "0x4 stale _x10 1x9")], stands=[15], not_yet=[14, 16]),
    Story(
        "MasakariNoMonitorRuns",
        [(f"masakari_monitors_answering{{{AT}}}", "0x9 1x9")],
        stands=[2],
        not_yet=[1, 10],
    ),
    # Of one that is missed another alert speaks.
    Story(
        "MasakariNoMonitorRuns",
        [(f"masakari_monitors_answering{{{AT}}}", "0x9"), (ours("up"), "0x9")],
        not_yet=[5],
    ),
    Story(
        "MasakariMonitorFlaps",
        [
            (ours("health", 'health="blind"'), "0 1 0 1 0 1 0x60"),
            # Once, and for long.
            (ours("health", 'health="blind"', OTHER), "0 1x30 0x30"),
        ],
        stands=[6, 30],
        not_yet=[5, 37],
    ),
    Story("MasakariMonitorUnreachable", [(f"up{{{AT}}}", "1x4 0x10")], stands=[7], not_yet=[4, 6]),
    Story("MasakariMonitorDead", [(ours("up"), "1x4 0x10 1x10")], stands=[6], not_yet=[4, 5, 16]),
    # Which is not said once more.
    Story(
        "MasakariMonitorGone",
        [(f"up{{{AT}}}", "1x60"), (ours("up"), "0x60"), (ours("build_info", 'version="1"'), "1x20 stale")],
        not_yet=[25, 35],
    ),
    Story(
        "MasakariMonitorGone",
        [
            (f"up{{{AT}}}", "1x60"),
            (ours("build_info", 'version="1"'), "1x20 stale"),
            # Another release of it is no loss, nor is a monitor that was never there.
            (ours("build_info", 'version="1"', OTHER), "1x20 stale"),
            (ours("build_info", 'version="2"', OTHER), "_x20 1x40"),
            ('up{job="masakari-monitors",instance="node02"}', "1x60"),
        ],
        stands=[25, 35],
        not_yet=[20, 23, 45],
    ),
    # Where nothing answers at all, that is the alert.
    Story(
        "MasakariMonitorGone",
        [(f"up{{{AT}}}", "1x20 0x40"), (ours("build_info", 'version="1"'), "1x20 stale")],
        not_yet=[25, 35],
    ),
    *gauge("MasakariMonitorBlind", "health", 'health="blind"', after=2),
    *gauge("MasakariMonitorUnwatched", "causes", 'cause="left out"', value="2", after=10),
    *gauge("MasakariMonitorDegraded", "health", 'health="degraded"', after=15),
    Story(
        "MasakariApiUnreachable", [(ours("api_reachable"), "1x4 0x10 1x10")], stands=[10], not_yet=[4, 9, 17]
    ),
    Story(
        "MasakariReportUndelivered",
        [(ours("oldest_pending_seconds"), "0 30 90 120 150 0x10")],
        stands=[4],
        not_yet=[3, 5],
    ),
    *gauge("MasakariReportRefused", "causes", 'cause="refused"', value="3"),
    Story(
        "MasakariReportExpired",
        [
            (ours("reports_total", 'fate="expired",type="VM"'), "0x4 1x60"),
            (ours("reports_total", 'fate="delivered",type="VM"'), "0+1x64"),
        ],
        stands=[6, 30],
        not_yet=[4, 40],
    ),
    *gauge("MasakariReportUnsure", "causes", 'cause="perhaps not told"', after=5),
    Story(
        "MasakariReportSlow",
        [
            (ours(f"{DELIVERED}_count"), "0x4 1x4 2x100"),
            (ours(f"{DELIVERED}_bucket", 'le="30.0"'), "0x4 1x104"),
        ],
        stands=[11, 60],
        not_yet=[4, 8, 75],
    ),
    Story(
        "MasakariHeldLong",
        [
            (ours("held", 'reason="storm"'), "0x4 2x30 0x10"),
            (ours("held", 'reason="another monitor reports it"'), "1x50"),
        ],
        stands=[20, 30],
        not_yet=[4, 19, 40],
    ),
    *gauge("MasakariStorm", "storms", after=1),
    Story("MasakariSilenced", [(ours("silences"), "1x800 0x10")], stands=[720], not_yet=[719, 805]),
    Story(
        "MasakariNobodyReports",
        [(ours("reporter"), "1x4 0x10"), (ours("reporter", place=OTHER), "0x10 1x4")],
        stands=[7],
        not_yet=[4, 6, 12],
    ),
    Story(
        "MasakariSeveralReport",
        [(ours("reporter"), "1x20"), (ours("reporter", place=OTHER), "0x4 1x10 0x5")],
        stands=[7],
        not_yet=[4, 6, 17],
    ),
    # Where nobody is elected, nobody is missing.
    Story("MasakariNobodyReports", [(ours("health", 'health="ok"'), "1x20")], not_yet=[10]),
    Story(
        "MasakariNotRecovered",
        [
            (ours("outbox_delivered", 'state="being worked on"'), "3x20"),
            (ours("outbox_delivered", 'state="ignored by masakari"'), "0x4 1x4 0x10"),
            (ours("outbox_delivered", 'state="stuck at masakari"'), "0x4 1x4 0x10"),
        ],
        stands=[6],
        not_yet=[4, 5, 10],
        count=2,
    ),
    *gauge("MasakariEngineOverdue", "outbox_overdue", value="2", after=5),
    Story(
        "MasakariHostsOff",
        [
            (ours("subjects", 'state="off"'), "2x300"),
            (ours("reporter"), "1x270 0x30"),
            # Who does not report says nothing of them.
            (ours("subjects", 'state="off"', OTHER), "2x300"),
            (ours("reporter", place=OTHER), "0x300"),
        ],
        stands=[240],
        not_yet=[239, 275],
    ),
    *gauge("MasakariStateNotPersistent", "outbox_in_memory", after=5),
    *gauge("MasakariStateNotPersistent", "outbox_volatile", after=5),
    Story(
        "MasakariMonitorRestarts",
        [
            (f"process_start_time_seconds{{{OF}}}", "10x4 20 30 40 50x60"),
            (f"process_start_time_seconds{{{OTHER}}}", "10x4 20 30x60"),
            ('process_start_time_seconds{job="other"}', "10 20 30 40 50x60"),
        ],
        stands=[8, 30],
        not_yet=[7, 40],
    ),
    Story(
        "MasakariSourceFails",
        [
            (ours("source_failures_total", 'source="consul"'), "0x4 1 2 3 4 5x60"),
            (ours("source_failures_total", 'source="bmc"'), "0x4 1x64"),
        ],
        stands=[10, 30],
        not_yet=[5, 45],
    ),
    *gauge("MasakariFaultInside", "causes", 'cause="fault inside"'),
    *gauge("MasakariLoopLag", "loop_lag_seconds", value="1.5", after=5),
    Story(
        "MasakariDescriptors",
        [(f"process_open_fds{{{OF}}}", "100x4 900x10"), (f"process_max_fds{{{OF}}}", "1024x20")],
        stands=[10],
        not_yet=[4, 9],
    ),
    *(
        Story("MasakariRecordsLost", [(ours(name), "0x4 5x60")], stands=[6], not_yet=[4, 25])
        for name in ("log_lines_lost_total", "journal_records_lost_total")
    ),
    Story(
        "MasakariVersionsDiffer",
        [(ours("build_info", 'version="1"'), "1x1500"), (ours("build_info", 'version="2"', OTHER), "1x1500")],
        stands=[1440],
        not_yet=[1439],
    ),
)


def test_the_rules_and_the_scrape_example_are_what_prometheus_reads(tmp_path: Path) -> None:
    for file in (RULES, ETC / "scrape.yml"):
        shutil.copy(file, tmp_path)
    promtool("check", "rules", tmp_path / RULES.name)
    # The rules that it names are looked for beside it.
    promtool("check", "config", tmp_path / "scrape.yml")


def test_every_alert_has_a_story() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    assert {story.alert for story in STORIES if story.stands} == alerts


def test_each_alert_stands_when_it_should_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "stories.yml").write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": "1m",
                "tests": [played(number, story) for number, story in enumerate(STORIES)],
            }
        )
    )
    promtool("test", "rules", tmp_path / "stories.yml")


def played(number: int, story: Story) -> dict[str, object]:
    question = f'count(ALERTS{{alertname="{story.alert}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": story.count}]
    times = [(at, samples) for at in story.stands] + [(at, []) for at in story.not_yet]
    return {
        "name": f"{number} {story.alert}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in story.series],
        "promql_expr_test": [
            {"expr": question, "eval_time": f"{at}m", "exp_samples": found} for at, found in times
        ],
    }


@pytest.mark.parametrize(
    ("alert", "series", "at", "labels", "summary"),
    [
        (
            "MasakariReportUndelivered",
            (ours("oldest_pending_seconds"), "150x5"),
            "1m",
            {"monitor": "hostmonitor", "job": "masakari-monitors", "instance": "node01"},
            "A report of hostmonitor on node01 waits for 2m 30s: nobody recovers its subject.",
        ),
        (
            "MasakariHeldLong",
            (ours("held", 'reason="storm"'), "2x30"),
            "20m",
            {"monitor": "hostmonitor", "job": "masakari-monitors", "instance": "node01", "reason": "storm"},
            "2 failure(s) are not told on node01: storm.",
        ),
    ],
)
def test_an_alert_says_whom_it_is_about(
    alert: str, series: tuple[str, str], at: str, labels: dict[str, str], summary: str, tmp_path: Path
) -> None:
    severity = {"MasakariReportUndelivered": "critical", "MasakariHeldLong": "warning"}[alert]
    url = f"https://manual.example.org/runbook.html#{alert.lower()}"
    told = {
        "exp_labels": {**labels, "severity": severity},
        "exp_annotations": {"summary": summary, "runbook_url": url},
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": series[0], "values": series[1]}],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": [told]}],
    }
    (tmp_path / "story.yml").write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [test]}))
    promtool("test", "rules", tmp_path / "story.yml")

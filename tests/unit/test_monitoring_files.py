"""Alert rules, runbook, dashboard and manual speak of the metrics that there are, and of no others."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from masakarimonitors.core.explained import Standing
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.outbox.progress import ALARMS, Progress
from masakarimonitors.status import metrics
from masakarimonitors.status.exposition import Type
from masakarimonitors.status.health import Kind, Level
from tests.fixtures.fake_clock import FakeClock

ROOT = Path(__file__).parents[2]
RULES = ROOT / "etc/prometheus/masakari-monitors.rules.yml"
DASHBOARD = ROOT / "etc/grafana/masakari-monitors.json"
RUNBOOK = ROOT / "docs/runbook.rst"
MANUAL = "https://manual.example.org/runbook.html#"
OTHERS = {"up", "masakari_monitors_up", "masakari_monitors_answering"}
"""What Prometheus itself adds, and `masakari-monitors web`."""

FAMILIES = {family.name: family for family in metrics.families([], FakeClock().now())}
_NAME = re.compile(r"\b(?:masakari_monitors|process)_\w+|\bup\b")
_MATCH = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')

WORDS: Mapping[str, set[str]] = {
    "health": {one.value for one in Level},
    "cause": {one.value for one in Kind},
    "state": {one.value for one in (*Standing, *Progress)},
    "fate": {one.value for one in ReportStatus},
    "reason": {one.value for one in Reason},
    "monitor": {"hostmonitor", "instancemonitor", "introspectiveinstancemonitor", "processmonitor"},
}
"""By label, what it may be, as far as rules and dashboard ask for it."""


def names() -> set[str]:
    """Every series that is served."""
    found = set(OTHERS)
    for family in FAMILIES.values():
        parts = ("_bucket", "_sum", "_count") if family.type is Type.HISTOGRAM else ("",)
        found |= {family.name + part for part in parts}
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def questions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])
    yield from (one["definition"] for one in json.loads(DASHBOARD.read_text())["templating"]["list"][1:])


@pytest.mark.parametrize("question", [*questions()])
def test_a_question_asks_for_what_is_served(question: str) -> None:
    without = re.sub(r'"[^"]*"', '""', question)
    asked = set(_NAME.findall(without))
    assert asked and asked <= names(), asked - names()
    for label, how, value in _MATCH.findall(question):
        known = WORDS.get(label)
        if known is not None and "$" not in value:
            words = value.split("|") if how == "=~" else [value]
            assert set(words) <= known, f"{label}: {set(words) - known}"


def test_a_label_that_is_asked_for_is_one_of_its_metric() -> None:
    for question in questions():
        for name, inside in re.findall(r"\b((?:masakari_monitors|process)_\w+)\{([^}]*)\}", question):
            if name in OTHERS:
                continue
            family = FAMILIES[re.sub(r"_(bucket|sum|count)$", "", name)]
            asked = {label for label, _, _ in _MATCH.findall(inside)} - {"job", "instance", "le"}
            assert asked <= set(family.labels), question


def test_every_metric_is_in_an_alert_or_on_the_dashboard() -> None:
    asked = {name for question in questions() for name in _NAME.findall(question)}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    # What is only looked up by hand.
    by_hand = {
        "masakari_monitors_source_running",
        "masakari_monitors_alarms",
        "masakari_monitors_agreement",
        "masakari_monitors_shadow",
        "process_virtual_memory_bytes",
    }
    assert FAMILIES.keys() - shown == by_hand
    assert shown >= OTHERS


def test_every_state_at_masakari_that_needs_a_person_makes_an_alert() -> None:
    (rule,) = [rule for rule in rules() if rule["alert"] == "MasakariNotRecovered"]
    ((_, _, states),) = _MATCH.findall(rule["expr"])
    assert set(states.split("|")) == {progress.value for progress in ALARMS}


def test_every_cause_of_a_bad_health_makes_an_alert() -> None:
    """At least that of the health itself, which has no cause in its question."""
    asked = {rule["alert"] for rule in rules() if "masakari_monitors_health" in rule["expr"]}
    assert asked == {"MasakariMonitorBlind", "MasakariMonitorFlaps", "MasakariMonitorDegraded"}


def paragraphs() -> dict[str, str]:
    """The runbook's, by alert."""
    parts = re.split(r"^(Masakari\w+)\n~+\n", RUNBOOK.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_its_paragraph_and_every_paragraph_its_alert() -> None:
    assert list(paragraphs()) == [rule["alert"] for rule in rules()], "in the same order"
    for alert, text in paragraphs().items():
        assert "*What it means:*" in text and "*What to do:*" in text, alert


def test_every_alert_leads_to_its_paragraph() -> None:
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == MANUAL + rule["alert"].lower(), rule["alert"]
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in (
            "critical",
            "warning",
            "info",
        )


def test_the_dashboard_s_panels_stand_side_by_side_and_say_what_they_show() -> None:
    every = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and panel["description"] and panel["title"]
    for one in every:
        for other in every:
            if one["id"] < other["id"]:
                a, b = one["gridPos"], other["gridPos"]
                apart = (
                    a["x"] + a["w"] <= b["x"]
                    or b["x"] + b["w"] <= a["x"]
                    or a["y"] + a["h"] <= b["y"]
                    or b["y"] + b["h"] <= a["y"]
                )
                assert apart, (one["title"], other["title"])

"""What a person sees of one monitor on the page."""

from dataclasses import replace

from masakarimonitors.status import html
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow, WaitingRow
from tests.fixtures.fake_clock import FakeClock


def test_the_page_shows_it_and_never_lets_text_become_markup(status: MonitorStatus, clock: FakeClock) -> None:
    text = html.render([status], clock)
    assert "&lt;b&gt;storage&lt;/b&gt;" in text and "<b>storage" not in text
    for words in ("its storage is down", "503 down", "a decision failed", "OSError: gone", "3 waiting"):
        assert words in text


def test_what_waits_for_its_turn_is_shown_with_its_reason(clock: FakeClock) -> None:
    waiting = [WaitingRow("vm:a<b", "2 of this host are being recovered")]
    row = OutboxRow(where="/x", pending=1, counts={}, disk_fault="", api_trouble="", waiting=waiting)
    page = html.render([MonitorStatus(Record("m", clock.now()), tuple, lambda: row)], clock)
    assert "What waits for its turn (1)" in page
    assert "<td>vm:a&lt;b</td><td>2 of this host are being recovered</td>" in page


def test_what_masakari_has_and_has_not_ended_with_is_shown_with_its_state(clock: FakeClock) -> None:
    counts = {"being worked on": 1, "failed at masakari": 1, "stuck at masakari": 0}
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="", delivered=counts)
    reports = [
        SubjectRow("vm:a", "being worked on", "for 1 minutes"),
        SubjectRow("host:<b>", "failed at masakari", "see to it", True),
    ]
    status = MonitorStatus(Record("m", clock.now()), tuple, lambda: row, lambda: reports)
    page = html.render([status], clock)
    assert "1 being worked on, 1 failed at masakari. Delivered is not recovered." in page
    assert "What masakari has (2)" in page
    alarm = "<tr class=alarm><td>host:&lt;b&gt;</td><td>failed at masakari</td><td>see to it</td></tr>"
    assert alarm in page and page.index(alarm) < page.index("<td>vm:a</td>")
    assert status.snapshot(clock.now())["delivered"][1]["alarm"] is True  # type: ignore[index,call-overload]


def test_how_the_monitor_is_stands_before_all_else(status: MonitorStatus, clock: FakeClock) -> None:
    page = html.render(
        [replace(status, views=lambda now: [View("link:a", Sight.BLIND, "<no> leader")])], clock
    )
    blind = page.index("<p class=alarm>blind: consul: OSError: gone")
    assert blind < page.index("blind: link:a: &lt;no&gt; leader") < page.index("degraded: masakari-api")
    assert page.index("degraded: masakari-api") < page.index("What it sees")

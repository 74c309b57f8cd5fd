"""Text that no page can carry as it is."""

from masakarimonitors.status import html
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record
from tests.fixtures.fake_clock import FakeClock


def test_half_a_character_is_shown_as_what_it_is(clock: FakeClock) -> None:
    record = Record("hostmonitor", clock.now())
    record.fault("half a \ud800 character", clock.now())
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    page = html.render([MonitorStatus(record, tuple, lambda: row)], clock)
    assert r"half a \ud800 character" in page and page.encode()

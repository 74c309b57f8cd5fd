"""The receiver's page: what was accepted, when and how late, and nothing from outside as markup."""

import datetime
import re

from masakarimonitors.receiver import page
from masakarimonitors.receiver.store import Accepted

SEEN = datetime.datetime(2026, 11, 22, 8, 5, 6, tzinfo=datetime.UTC)


def accepted(**changes: object) -> Accepted:
    whole = {
        "id": 1,
        "uuid": "u-1",
        "type": "PROCESS",
        "hostname": "compute-1",
        "host_uuid": "h-1",
        "generated_time": SEEN,
        "payload": {"process_name": "nova-compute", "event": "STOPPED"},
        "created_at": SEEN + datetime.timedelta(milliseconds=1250),
        **changes,
    }
    return Accepted(**whole)  # type: ignore[arg-type]


def cells(text: str) -> list[list[str]]:
    return [row.split("<td>") for row in re.findall(r"<tr><td>(.*?)</tr>", text)]


def test_each_notification_is_a_line_in_the_order_in_which_they_came() -> None:
    text = page.render([accepted(hostname="compute-2"), accepted(created_at=SEEN)], SEEN)
    assert cells(text) == [
        [
            "2026-11-22 08:05:06",
            "1250 ms",
            "PROCESS",
            "compute-2",
            "event STOPPED, process_name nova-compute",
        ],
        [
            "2026-11-22 08:05:06",
            "0 ms",
            "PROCESS",
            "compute-1",
            "event STOPPED, process_name nova-compute",
        ],
    ]
    assert "The last 2 notifications at 08:05:06 UTC" in text


def test_an_empty_page_has_no_table_and_says_that_nothing_is_recovered() -> None:
    text = page.render([], SEEN)
    assert "Nothing has been reported yet." in text and "<table>" not in text
    assert "nothing is recovered" in text


def test_every_value_is_text() -> None:
    text = page.render([accepted(type="<a>", hostname="<b>", payload={"<c>": '"<d>&'})], SEEN)
    assert cells(text)[0][2:] == ["&lt;a&gt;", "&lt;b&gt;", "&lt;c&gt; &quot;&lt;d&gt;&amp;"]


def test_a_browser_keeps_nothing_and_asks_again() -> None:
    assert page.HEADERS["Cache-Control"] == "no-store"
    assert page.HEADERS["Refresh"] == "2" and "every 2 seconds" in page.render([], SEEN)

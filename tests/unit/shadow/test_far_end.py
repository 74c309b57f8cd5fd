"""Nothing can be posted by a shadow, whatever is asked of it."""

import json
from typing import Any

import pytest

from masakarimonitors.core.agreement.told import Statement
from masakarimonitors.core.notification import HostEvent, ProcessNotification, to_wire
from masakarimonitors.masakari_answers import NotSent, WouldBeSent
from masakarimonitors.masakari_api import LookupFailed, MasakariApi
from masakarimonitors.masakari_lists import ReportFinder, notification, segments
from masakarimonitors.shadow.far_end import WORDS, AsIfUntold, NothingIsPosted, ReadOnly, WouldSend
from tests.fixtures.fake_clock import EPOCH
from tests.fixtures.fake_lists import FakeLists

BODY = json.dumps(to_wire(ProcessNotification("node05", EPOCH, HostEvent.STOPPED, "nova-compute")))


class Adapter:
    """One that would post."""

    def __init__(self) -> None:
        self.posted: list[str] = []

    def renew(self) -> str:
        return ""

    def get_endpoint(self) -> str:
        return "http://127.0.0.1:9/v1"

    def get_token(self) -> str:
        return "token"

    def invalidate(self) -> bool:
        return False

    def get(self, url: str, **options: Any) -> Any:
        raise OSError("nobody listens")

    def post(self, url: str, **options: Any) -> Any:
        self.posted.append(url)


async def test_the_client_of_a_shadow_has_no_way_to_post() -> None:
    adapter = Adapter()
    api = MasakariApi(ReadOnly(adapter))
    with pytest.raises(NothingIsPosted):
        await api.send(BODY)
    with pytest.raises(LookupFailed, match="nobody listens"):
        await api.get("/segments")
    api.close()
    assert adapter.posted == []


async def test_a_report_ends_as_what_would_have_been_sent() -> None:
    told: list[Statement] = []
    end = WouldSend(told.append)
    assert await end.send(BODY) == WouldBeSent(WORDS)
    assert [(one.subject, one.sense, one.at) for one in told] == [("process:nova-compute", "failed", EPOCH)]


async def test_what_may_not_leave_would_not_have_been_sent() -> None:
    told: list[Statement] = []
    assert await WouldSend(told.append).send(BODY, lambda: False) == NotSent()
    assert told == []


async def test_what_says_nothing_known_is_compared_with_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Statement] = []
    assert await WouldSend(told.append).send("{}") == WouldBeSent(WORDS)
    assert told == [] and "compared with nothing" in caplog.text


async def test_for_its_monitors_nobody_has_told_anything() -> None:
    lists = FakeLists({"s": ["node05"]})
    payload = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}
    uuid = lists.file("node05", "COMPUTE_HOST", payload, EPOCH.isoformat())
    api = AsIfUntold(lists)
    found = await ReportFinder(api).find(
        "node05", "COMPUTE_HOST", lambda stored, recent: True, since=EPOCH, now=EPOCH
    )
    assert found is None and await notification(api, uuid) is None
    assert [one.name for one in await segments(api)] == ["s"]
    lists.date = EPOCH
    assert api.date == EPOCH

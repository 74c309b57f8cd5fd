"""An address that has moved in keystone's catalogue is found with no restart, by few readings that hold up nobody."""

import asyncio
import json
import threading
from typing import Any

import pytest

from masakarimonitors.masakari_answers import Delivered
from masakarimonitors.masakari_api import LookupFailed, MasakariApi
from masakarimonitors.masakari_place import LATE, SELDOM, SOON, Pace, Place
from masakarimonitors.system.network.http_exchange import Exchange
from masakarimonitors.system.network.http_session import HttpSession, Response, Tls, Unsent
from masakarimonitors.system.network.keystone import Identity, Keystone, KeystoneAdapter, Service
from tests.fixtures.waiting import eventually

OLD, NEW = "http://old/v1", "http://new/v1"


def test_a_report_has_it_read_at_once_and_then_ever_more_seldom() -> None:
    pace = Pace()
    assert pace.failed(0.0, report=True)
    assert not pace.failed(2 * SOON - 1, report=True) and pace.failed(2 * SOON, report=True)
    assert not pace.failed(2 * SOON + 4 * SOON - 1, report=True) and pace.failed(6 * SOON, report=True)
    assert pace.failed(6 * SOON + LATE, report=True) and pace.apart == LATE
    pace.answered()
    assert pace.failed(6 * SOON + LATE + SOON, report=True)


def test_questions_have_it_read_at_the_second_failure_in_a_row_and_hourly_at_most() -> None:
    pace = Pace()
    assert not pace.failed(0.0, report=False)
    pace.answered()
    assert not pace.failed(1.0, report=False) and pace.failed(2.0, report=False)
    assert not pace.failed(SELDOM + 1, report=False) and pace.failed(SELDOM + 2, report=False)
    assert pace.failed(SELDOM + 2 + SOON, report=True), "a report does not wait for that"


async def test_one_reading_at_a_time_and_a_fault_of_it_harms_nobody() -> None:
    begun, go, now = list[float](), threading.Event(), [0.0]

    def renew() -> str:
        begun.append(now[0])
        go.wait()
        raise RuntimeError("keystone is away")

    place = Place(renew, 60.0, 1000, lambda: now[0])
    place.failed(report=True)
    await eventually(lambda: begun, "a reading")
    now[0] = 10 * LATE
    place.failed(report=True)
    assert begun == [0.0]
    go.set()
    while len(begun) < 2:  # until the first has ended
        place.failed(report=True)
        await asyncio.sleep(0.001)
    place.close()


class Cloud(HttpSession):
    """keystone, whose catalogue has `place`; at OLD stands what answers `old`, at NEW masakari-api."""

    def __init__(self, old: Response | None) -> None:
        super().__init__(Tls())
        self.place, self.old, self.tokens, self.sent = OLD, old, 0, list[str]()
        self.is_away = False

    def request(self, method: str, url: str, *_: Any, **__: Any) -> Response:
        if url.startswith("http://k/"):
            if self.is_away:
                raise OSError("keystone is away")
            self.tokens += 1
            listed = [{"interface": "public", "url": self.place}] if self.place else []
            token = {"catalog": [{"type": "instance-ha", "endpoints": listed}]}
            return Response(201, {"X-Subject-Token": str(self.tokens)}, json.dumps({"token": token}))
        self.sent.append(url)
        if url.startswith(OLD):
            if self.old is None:
                raise Unsent("refused")
            return self.old
        if method == "GET":
            return Response(200, {}, '{"segments": []}')
        return Response(202, {}, '{"notification": {"notification_uuid": "u"}}')


def adapter(cloud: Cloud, endpoint: str | None = None) -> KeystoneAdapter:
    who = Identity(auth_url="http://k/v3", method="password", proof={}, scope=None)
    service = Service(names=("instance-ha",), interfaces=("public",), region=None, name=None)
    return KeystoneAdapter(cloud, Keystone(cloud, who), service, endpoint)


@pytest.mark.parametrize(
    "old",
    [
        None,
        Response(404, {}, "<html>"),
        Response(404, {}, '{"itemNotFound": {"message": "no"}}'),
        Response(200, {}, "<html>Welcome</html>"),
        Response(200, {}, '{"versions": []}'),
        Response(202, {}, ""),
        Response(400, {}, '{"badRequest": {"message": "no such thing"}}'),
        Response(403, {}, '{"forbidden": {}}'),
        Response(413, {}, "<html>"),
        Response(500, {}, "oops"),
        Response(503, {}, ""),
    ],
    ids=lambda old: f"{old.status_code} {old.text}" if old else "refuses",
)
async def test_masakari_is_found_where_the_catalogue_has_it_by_now(
    old: Response | None, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = Cloud(old)
    for report in (True, False):
        cloud.place, cloud.sent = OLD, []
        api = MasakariApi(adapter(cloud))

        async def asked(api: MasakariApi = api, report: bool = report) -> bool:
            if report:
                return isinstance(await api.send("{}"), Delivered)
            try:
                return bool(await api.get("/segments"))
            except LookupFailed:
                return False

        await api.locate()
        cloud.place = NEW
        for _ in range(1 if report else 2):
            assert not await asked()
        await eventually(lambda: NEW in caplog.text, "the catalogue")
        assert await asked() and cloud.sent[-1].startswith(NEW) and api.trouble == ""
        assert "has another public endpoint of service instance-ha" in caplog.text
        assert len(cloud.sent) == (2 if report else 3)
        caplog.clear()
        api.close()


def test_what_is_known_stays_in_use_when_keystone_is_away_or_has_no_better() -> None:
    cloud = Cloud(None)
    way = adapter(cloud)
    with Exchange(60.0).here():
        assert way.renew() == "", "nobody has asked where it is: the first one will"
        assert (way.get_endpoint(), way.get_token(), way.renew()) == (OLD, "1", "")
        assert way.get_token() == "2", "whatever it says, what is fetched is in use"
        cloud.place = ""
        assert (way.renew(), way.get_endpoint(), way.get_token()) == ("", OLD, "2")
        cloud.is_away = True
        with pytest.raises(OSError, match="away"):
            way.renew()
        assert (way.get_endpoint(), way.get_token()) == (OLD, "2")
        assert way.invalidate() and way.renew() == "", "the next one who needs a token asks anyway"


def test_an_address_given_by_hand_is_not_looked_for() -> None:
    cloud = Cloud(None)
    assert adapter(cloud, OLD).renew() == "" and cloud.tokens == 0

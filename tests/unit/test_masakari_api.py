"""What a broken connection says about a report, and what is asked, in which version and with which token."""

import asyncio
import datetime
import ssl
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from keystoneauth1 import exceptions

from masakarimonitors.masakari_answers import Delivered, NotSent, Unreachable
from masakarimonitors.masakari_api import LookupFailed, MasakariApi
from masakarimonitors.system.network.http_exchange import current
from masakarimonitors.system.network.http_session import HttpSession, Response, Tls, Unsent
from masakarimonitors.system.network.keystone import Identity, Keystone, KeystoneAdapter, Service


class OldAdapter:
    """An API of no microversions beyond the first: 406 for a later one."""

    def __init__(
        self, status: int = 406, date: str = "Thu, 01 Jan 2026 12:00:00 GMT", *, fault: str = "itemNotFound"
    ) -> None:
        self.status = status
        self.text = f'{{"{fault}": {{"message": "no"}}}}'
        self.headers = {"Date": date} if date else {}
        self.asked: list[str] = []
        self.endpoint = "http://masakari/v1"

    def renew(self) -> str:
        return ""

    def get_endpoint(self) -> str:
        return self.endpoint

    def get(self, url: str, *, headers: dict[str, str], **options: Any) -> Any:
        self.asked.append(headers.get("OpenStack-API-Version", ""))
        status = self.status if self.asked[-1] else 200
        return SimpleNamespace(
            status_code=status,
            text=self.text,
            headers=self.headers,
            json=lambda: {"segments": []},
        )


NEW_AND_OLD = ["instance-ha 1.2", ""]


async def test_lists_are_asked_for_in_the_version_that_shows_disabled_segments() -> None:
    adapter = OldAdapter(status=200)
    api = MasakariApi(adapter)
    assert await api.get("/segments") == {"segments": []}
    assert adapter.asked == ["instance-ha 1.2"]
    api.close()


async def test_an_older_api_is_asked_in_its_own_version_and_now_and_then_whether_it_was_upgraded() -> None:
    adapter, time = OldAdapter(), [0.0]
    api = MasakariApi(adapter, now=lambda: time[0])
    for now, asked in [(0.0, NEW_AND_OLD), (599.0, [""]), (600.0, NEW_AND_OLD), (1199.0, [""])]:
        time[0] = now
        assert await api.get("/segments") == {"segments": []}
        assert adapter.asked == asked
        adapter.asked.clear()
    time[0], adapter.status = 1200.0, 200
    for _ in range(2):
        assert await api.get("/segments") == {"segments": []}
    assert adapter.asked == NEW_AND_OLD[:1] * 2
    api.close()


async def test_what_one_address_has_said_of_its_version_is_no_news_of_another() -> None:
    """keystone's catalogue may move masakari, and to a newer one."""
    adapter = OldAdapter()
    api = MasakariApi(adapter, now=lambda: 0.0)
    await api.get("/segments")
    adapter.endpoint, adapter.status = "http://upgraded/v1", 200
    await api.get("/segments?marker=1")
    assert adapter.asked == [*NEW_AND_OLD, NEW_AND_OLD[0]]
    api.close()


async def test_any_other_refusal_is_a_failure_with_what_was_seen() -> None:
    api = MasakariApi(OldAdapter(status=403))
    with pytest.raises(LookupFailed, match="GET /segments: 403 no"):
        await api.get("/segments")
    api.close()


NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("Thu, 01 Jan 2026 12:00:00 GMT", NOON),
        ("Thu, 01 Jan 2026 13:00:00 +0100", NOON),
        ("Thu, 01 Jan 2026 12:00:00 -0000", NOON),
        ("soon", None),
        ("", None),
    ],
)
async def test_the_time_of_the_api_is_known_from_its_answers(
    said: str, date: datetime.datetime | None
) -> None:
    api = MasakariApi(OldAdapter(status=200, date=said))
    assert api.date is None
    await api.get("/segments")
    assert api.date == date
    api.close()


class Token:
    """Keystone and the API behind it: `accepted` says which tokens the API takes, by their number."""

    def __init__(self, *accepted: int) -> None:
        self.accepted = accepted
        self.number = 0
        self.fresh = False
        self.posted: list[int] = []

    def renew(self) -> str:
        return ""

    def get_endpoint(self) -> str:
        return "http://masakari/v1"

    def get_token(self) -> str:
        if not self.fresh:
            self.number, self.fresh = self.number + 1, True
        return str(self.number)

    def invalidate(self) -> bool:
        self.fresh = False
        return True

    def post(self, url: str, *, allow_reauth: bool, **options: Any) -> Any:
        assert not allow_reauth and self.fresh
        self.posted.append(self.number)
        status = 202 if self.number in self.accepted else 401
        return SimpleNamespace(status_code=status, text='{"notification": {}}', headers={})


class TokenRunsOut(HttpSession):
    """Of keystone there are two answers: a token, and that it is away once its time is up."""

    def __init__(self) -> None:
        super().__init__(Tls())
        self.asked: list[str] = []

    def request(self, method: str, url: str, *_: Any, **__: Any) -> Response:
        self.asked.append(url)
        if len(self.asked) == 1:
            return Response(201, {"X-Subject-Token": "1"}, '{"token": {}}')
        exchange = current()
        assert exchange is not None
        exchange.came(1)
        exchange.end()
        return Response(503, {}, "away")


async def test_a_token_that_cannot_be_renewed_in_the_middle_of_a_report_leaves_no_doubt() -> None:
    session = TokenRunsOut()
    keystone = Keystone(session, Identity(auth_url="http://k/v3", method="password", proof={}, scope=None))
    service = Service(names=("instance-ha",), interfaces=("public",), region=None, name=None)
    api = MasakariApi(KeystoneAdapter(session, keystone, service, "http://m/v1"))

    outcome = await api.send("{}", lambda: keystone.invalidate("1"))
    assert isinstance(outcome, Unreachable) and not outcome.maybe_accepted and not outcome.row_only
    assert session.asked == ["http://k/v3/auth/tokens"] * 2
    api.close()


class Failing(Token):
    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault

    def post(self, url: str, **options: Any) -> Any:
        raise self.fault


def because(fault: Exception, cause: Exception) -> Exception:
    fault.__cause__ = cause
    return fault


BROKEN = ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]")


@pytest.mark.parametrize(
    ("fault", "in_doubt"),
    [
        (BROKEN, True),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), True),
        (because(Unsent("no connection to m:443"), BROKEN), False),
        (because(exceptions.SSLError("keystoneauth1's"), requests.exceptions.SSLError(BROKEN)), False),
    ],
    ids=["bare", "end", "ours while it connects", "keystoneauth1's"],
)
async def test_a_fault_of_tls_after_the_connection_stands_leaves_a_report_in_doubt(
    fault: Exception, in_doubt: bool
) -> None:
    """It may have been read before the far side's answer was spoilt on its way."""
    api = MasakariApi(Failing(fault))
    outcome = await api.send("{}")
    assert isinstance(outcome, Unreachable) and outcome.maybe_accepted == in_doubt
    api.close()


async def test_what_was_written_may_have_arrived_whatever_the_fault_is_called() -> None:
    """keystoneauth1 has one name for a far side that is not trusted and for an answer that was spoilt on its way."""

    class Written(Failing):
        def post(self, url: str, **options: Any) -> Any:
            exchange = current()
            assert exchange is not None
            exchange.begin()
            exchange.leaving = True
            return super().post(url, **options)

    fault = because(exceptions.SSLError("keystoneauth1's"), requests.exceptions.SSLError(BROKEN))
    api = MasakariApi(Written(fault))
    outcome = await api.send("{}")
    assert isinstance(outcome, Unreachable) and outcome.maybe_accepted
    api.close()


async def test_what_hangs_before_there_is_a_token_has_not_been_sent_and_never_is() -> None:
    """As in the question for a name's address, which heeds no time."""
    goes_on, went_on = threading.Event(), threading.Event()

    class Hanging(Token):
        def get_token(self) -> str:
            goes_on.wait()
            went_on.set()
            return super().get_token()

    adapter = Hanging(1)
    api = MasakariApi(adapter, timeout=0.01, threads=1)
    try:
        outcome = await api.send("{}")
        assert isinstance(outcome, Unreachable) and not outcome.maybe_accepted
    finally:
        goes_on.set()
    await asyncio.to_thread(went_on.wait)
    await api.send("{}", lambda: False)  # on the same thread, behind it
    assert adapter.posted == []
    api.close()


async def test_whether_a_report_may_still_leave_is_asked_when_there_is_a_token() -> None:
    adapter = Token(1)
    api = MasakariApi(adapter)
    tokens: list[int] = []

    def may_send() -> bool:
        tokens.append(adapter.number)
        return False

    assert await api.send("{}", may_send) == NotSent()
    assert (tokens, adapter.posted) == ([1], [])
    api.close()


async def test_a_token_that_is_not_accepted_any_more_is_replaced_once() -> None:
    adapter = Token(2)
    api = MasakariApi(adapter)
    assert isinstance(await api.send("{}"), Delivered)
    assert adapter.posted == [1, 2]
    adapter.accepted = ()
    assert isinstance(await api.send("{}"), Unreachable)
    assert adapter.posted == [1, 2, 2, 3]
    api.close()


async def test_a_report_that_may_not_leave_any_more_is_not_sent_with_a_new_token() -> None:
    adapter = Token(2)
    api = MasakariApi(adapter)
    assert await api.send("{}", lambda: adapter.number < 2) == NotSent()
    assert adapter.posted == [1]
    api.close()


async def test_a_single_notification_is_asked_for_so_that_the_api_need_not_ask_its_engine() -> None:
    adapter = OldAdapter(status=200)
    api = MasakariApi(adapter)
    await api.get("/notifications/u")
    await api.get("/notifications?status=new")
    assert adapter.asked == ["", "instance-ha 1.2"]
    api.close()


@pytest.mark.parametrize(
    ("status", "fault", "unknown"),
    [
        (404, "itemNotFound", True),
        (404, "error", False),  # of what stands before masakari
        (403, "forbidden", False),
        (503, "itemNotFound", False),
    ],
)
async def test_what_masakari_does_not_know_is_told_from_what_it_does_not_tell(
    status: int, fault: str, unknown: bool
) -> None:
    api = MasakariApi(OldAdapter(status=status, fault=fault))
    with pytest.raises(LookupFailed) as failed:
        await api.get("/segments/1/hosts")
    assert failed.value.unknown is unknown
    api.close()


async def test_whether_masakari_is_in_reach_is_known_by_the_last_call_of_either_kind() -> None:
    """A look-up that fails counts, and so does one that keystone fails; what masakari refuses is an answer."""
    asked = OldAdapter(503)
    api = MasakariApi(asked)
    told = [api.trouble]
    with pytest.raises(LookupFailed):
        await api.get("/segments")
    told.append(api.trouble)
    assert told[0] is None, "nobody has asked yet"
    assert "503" in str(told[1])
    asked.status = 406
    await api.get("/segments")
    assert api.trouble == ""
    api.close()


@pytest.mark.parametrize(
    ("status", "text", "away"),
    [
        (202, '{"notification": {}}', False),
        (202, "", True),
        (400, '{"badRequest": {"message": "no such host"}}', False),
        (409, '{"conflictingRequest": {"message": "it is duplicate."}}', False),
        (500, "", True),
        (403, "", True),
        (503, "", True),
    ],
)
async def test_a_report_tells_whether_masakari_is_in_reach(status: int, text: str, away: bool) -> None:
    class Answering:
        def renew(self) -> str:
            return ""

        def get_endpoint(self) -> str:
            return "http://masakari/v1"

        def get_token(self) -> str:
            return "t"

        def post(self, url: str, **options: Any) -> Any:
            return SimpleNamespace(status_code=status, text=text, headers={})

    api = MasakariApi(Answering())
    await api.send("{}")
    assert bool(api.trouble) == away
    api.trouble = "503"
    await api.send("{}", lambda: False)
    assert api.trouble == "503", "what was not sent says nothing"
    api.close()


async def test_what_keystoneauth_raises_of_itself_is_no_masakari_in_reach_either() -> None:
    class Slip:
        def get(self, *_: Any, **options: Any) -> Any: ...

        def renew(self) -> str:
            return ""

        def get_endpoint(self) -> str:
            raise RuntimeError("password is a required attribute")

    api = MasakariApi(Slip())
    with pytest.raises(RuntimeError):
        await api.get("/segments")
    assert api.trouble == "RuntimeError: password is a required attribute"
    api.trouble = ""
    with pytest.raises(RuntimeError):
        await api.send("{}")
    assert api.trouble == "RuntimeError: password is a required attribute"
    api.close()

"""Every row of the answers table, and what a broken connection says about a report."""

import datetime
import ssl
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from keystoneauth1 import exceptions

from masakarimonitors.masakari_api import (
    Delivered,
    Duplicate,
    LookupFailed,
    MasakariApi,
    NotSent,
    Refused,
    Unreachable,
    judge,
)
from masakarimonitors.system.network.http_exchange import current
from masakarimonitors.system.network.http_session import HttpSession, Response, Tls, Unsent
from masakarimonitors.system.network.keystone import Identity, Keystone, KeystoneAdapter, Service

DUPLICATE = (
    '{"conflictingRequest": {"code": 409, "message": "Notification received from host c1 of type PROCESS is'
    ' duplicate."}}'
)
MAINTENANCE = (
    '{"conflictingRequest": {"code": 409, "message": "Notification received from host c1 of type \'VM\' is'
    ' ignored as the host is already under maintenance."}}'
)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_accepted(status: int) -> None:
    assert isinstance(judge(status, '{"notification": {"id": 1}}'), Delivered)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (300, '{"choices": [{"id": "v1.0", "status": "CURRENT"}]}'),
        (301, ""),
        (308, ""),
        (400, "<html><h1>400 Bad Request</h1>The plain HTTP request was sent to HTTPS port</html>"),
        (405, "<html>Not Allowed</html>"),
        (409, "<html>conflict</html>"),
        (418, ""),
        (422, ""),
    ],
)
def test_whoever_answers_but_is_not_masakari_api_settles_nothing(status: int, text: str) -> None:
    outcome = judge(status, text)
    assert isinstance(outcome, Unreachable)
    assert "endpoint" in outcome.answer
    assert not outcome.maybe_accepted


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "<html>Accepted</html>", '{"job": {"id": 1}}', '{"notification": {"no']
)
def test_that_something_was_accepted_is_no_proof_that_masakari_has_it_nor_that_it_has_not(
    status: int, text: str
) -> None:
    """A gateway answers so to everything; where it was masakari-api, its notifications have the report."""
    outcome = judge(status, text)
    assert isinstance(outcome, Unreachable) and outcome.maybe_accepted and "endpoint" in outcome.answer


def test_a_report_that_is_too_large_will_always_be() -> None:
    assert isinstance(judge(413, "413 Request Entity Too Large"), Refused)


def test_the_words_tell_the_two_conflicts_apart() -> None:
    assert judge(409, DUPLICATE) == Duplicate(
        "409 Notification received from host c1 of type PROCESS is duplicate."
    )
    refused = judge(409, MAINTENANCE)
    assert isinstance(refused, Refused)
    assert "high availability is off" in refused.why
    assert refused.maintenance


def test_a_host_that_is_called_maintenance_is_not_on_maintenance() -> None:
    text = "Notification received from host node-maintenance-1 of type VM is duplicate."
    assert isinstance(judge(409, text), Duplicate)


def test_a_bad_request_is_a_configuration_fault() -> None:
    refused = judge(400, '{"badRequest": {"message": "Host with name x could not be found."}}')
    assert isinstance(refused, Refused)
    assert "failover segment" in refused.why
    assert refused.answer == "400 Host with name x could not be found."


@pytest.mark.parametrize("status", [401, 403, 404, 408, 425, 429, 500, 502, 503, 504, 599])
def test_whatever_may_pass_is_kept(status: int) -> None:
    assert isinstance(judge(status, "<html>nginx</html>"), Unreachable)


@pytest.mark.parametrize(
    ("status", "doubt"), [(408, True), (429, False), (502, True), (503, True), (504, True)]
)
def test_a_proxy_s_word_is_no_proof_that_nothing_has_arrived(status: int, doubt: bool) -> None:
    """Some say 503 of a connection, too, that ended after the request had gone; only who counts requests sends none."""
    outcome = judge(status, "upstream connect error or disconnect/reset before headers")
    assert isinstance(outcome, Unreachable) and outcome.maybe_accepted is doubt and not outcome.row_only


def test_a_missing_role_is_asked_for_slowly_and_a_server_error_is_the_row_s_own() -> None:
    forbidden, broken = judge(403, ""), judge(500, "")
    assert isinstance(forbidden, Unreachable) and forbidden.slow and not forbidden.maybe_accepted
    assert isinstance(broken, Unreachable) and broken.row_only and broken.maybe_accepted


def test_answers_are_one_bounded_line() -> None:
    outcome = judge(503, "a\nb\n" * 10_000)
    assert isinstance(outcome, Unreachable)
    assert "\n" not in outcome.answer and len(outcome.answer) < 600


class OldAdapter:
    """An API of no microversions beyond the first: 406 for a later one."""

    def __init__(
        self, status: int = 406, date: str = "Thu, 01 Jan 2026 12:00:00 GMT", *, fault: str = "itemNotFound"
    ) -> None:
        self.status = status
        self.text = f'{{"{fault}": {{"message": "no"}}}}'
        self.headers = {"Date": date} if date else {}
        self.asked: list[str] = []

    def renew(self) -> str:
        return ""

    def get_endpoint(self) -> str:
        return "http://masakari/v1"

    def get(self, url: str, *, headers: dict[str, str], **options: Any) -> Any:
        self.asked.append(headers.get("OpenStack-API-Version", ""))
        status = self.status if self.asked[-1] else 200
        return SimpleNamespace(
            status_code=status,
            text=self.text,
            headers=self.headers,
            json=lambda: {"segments": []},
        )


async def test_lists_are_asked_for_in_the_version_that_shows_disabled_segments() -> None:
    adapter = OldAdapter(status=200)
    api = MasakariApi(adapter)
    assert await api.get("/segments") == {"segments": []}
    assert adapter.asked == ["instance-ha 1.2"]
    api.close()


async def test_an_older_api_is_asked_in_its_own_version_from_then_on() -> None:
    adapter = OldAdapter()
    api = MasakariApi(adapter)
    for _ in range(2):
        assert await api.get("/segments") == {"segments": []}
    assert adapter.asked == ["instance-ha 1.2", "", ""]
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


def test_an_accepted_report_is_known_by_what_masakari_calls_it_and_its_host() -> None:
    text = '{"notification": {"notification_uuid": "n-1", "source_host_uuid": "h-1"}}'
    assert judge(202, text) == Delivered("202 n-1", "n-1", "h-1")
    text = '{"notification": {}}'
    assert judge(202, text) == Delivered(f"202 {text}")
    text = '{"links": [], "notification": {"notification_uuid": "n-1", "source_host_uuid": 7, "new": {}}}'
    outcome = judge(202, text)
    assert isinstance(outcome, Delivered) and outcome.uuid == "n-1"


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
        (409, DUPLICATE, False),
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

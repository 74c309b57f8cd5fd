"""The far end of the path: one notification, one POST, one of four outcomes.

Spoken through an adapter (`Adapter`), ours or one of keystoneauth1, so every auth plugin and session option of `[api]`
works. Its calls block, so they run on bounded pools of threads that share one session: one token, kept-alive
connections. Each call has one time for all of it, keystone included, after which neither its caller nor its thread
waits any more.
What its answers mean is judged in `masakari_answers`; nothing here retries, and no more is remembered than whether the
last call was answered.
"""

import datetime
import email.utils
import json
import re
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from masakarimonitors.masakari_answers import (
    LENGTH,
    STRANGE,
    NotSent,
    Outcome,
    Refused,
    Unreachable,
    envelope,
    judge,
    words_of,
)
from masakarimonitors.masakari_place import Place
from masakarimonitors.system.network.http_exchange import Exchange, Withheld, always
from masakarimonitors.system.threads import NoThread, Pool

# With its defaults the API sleeps up to 5 s on every POST; less than 15 s would call a slow answer none.
MINIMUM_TIMEOUT = 15.0
TIMEOUT = 30.0
"""Seconds that one call may take when `[api] timeout` is not set: twice the least that makes sense."""
_CONNECT_TIMEOUT = 10.0
_SLACK = 0.5
"""Seconds after which a caller goes on although its thread does not: it may hang where no time is heeded, as in the
question for a name's address. Whatever it comes back with, nothing leaves any more."""
LARGEST_ANSWER = 1 << 16
"""Bytes that are read of the answer to a report; masakari-api's own have some hundreds."""
LARGEST_LIST = 1 << 24
"""Bytes that a page of a list may have: masakari-api puts 1,000 items on one unless its `osapi_max_limit` says
otherwise, of about 1 KiB each. A catalogue of keystone's may have as much."""
_ENOUGH = 1 / 3
"""The share of its time that a report must have left when it leaves: one whose answer can hardly come in time would
only be in doubt."""
_FAULTS = (OSError, ValueError, RecursionError)
"""What comes of answers that cannot be used; the last two of JSON that is none, or nested without end."""
_LISTING_VERSION = "instance-ha 1.2"
"""The first microversion that promises to show whether a segment is enabled."""
_UNVERSIONED = 600.0
"""Seconds for which an address that has refused it is asked without: masakari may be upgraded meanwhile, or a node of
the old release behind one address have answered, and one question more in ten minutes costs nobody anything."""
_LIST = re.compile(r"/(segments|notifications)(\?|$)")
_ENVELOPES = frozenset({"segments", "segment", "hosts", "host", "notifications", "notification"})
"""What masakari-api's answers to questions are wrapped in; other services have others."""


class Api(Protocol):
    """What delivery asks of the far end."""

    async def send(self, body: str, may_send: Callable[[], bool] = always) -> Outcome:
        """Offer one notification in its wire form.

        `may_send` is asked at the last moment before it leaves, on any thread: to get a token first, or to connect, may
        take long.
        """


class Adapter(Protocol):
    """Requests of one service with a token; keystoneauth1.adapter.Adapter is one, with a session that is `bound`.

    All of it blocks, on any thread, within the thread's `Exchange`.
    """

    def get_endpoint(self) -> str | None:
        """Where the service is."""

    def get_token(self) -> str | None:
        """What is sent to show who asks; fetched if need be."""

    def invalidate(self) -> bool:
        """Throw the token away; whether there can be another."""

    def renew(self) -> str:
        """Read the catalogue anew; says whether the service has moved, in a sentence, or nothing.

        What was known stays in use until then, and for good if it raises or finds no service.
        """

    def get(self, url: str, **options: Any) -> Any:
        """An answer with `status_code`, `text`, `headers` and `json()`."""

    def post(self, url: str, **options: Any) -> Any:
        """As `get`."""


class LookupFailed(Exception):
    """A read from masakari-api gave no usable answer; the message says what was seen.

    `unknown`: masakari-api answers, and does not know what was asked for (404).
    """

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        """Keep whether it was an answer that says "there is no such thing"."""
        super().__init__(message)
        self.unknown = unknown


class MasakariApi:
    """masakari-api behind an adapter (service type `instance-ha`)."""

    def __init__(
        self,
        adapter: Any,
        *,
        api_version: str = "v1",
        timeout: float = TIMEOUT,
        threads: int = 8,
        on_change: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`adapter`: see `Adapter`. `on_change`: called on the loop when `trouble` begins or is over.

        `timeout`: seconds for one call, from its place in line to the last byte; `threads`: calls of each kind at once.
        `now`: monotonic seconds, on any thread.
        """
        self._adapter = adapter
        self._on_change = on_change
        self._version = api_version
        self._seconds = timeout
        self._timeout = (_CONNECT_TIMEOUT, timeout)
        # Two pools: questions that hang must not keep reports from leaving.
        self._posts = Pool("masakari-report", threads)
        self._gets = Pool("masakari-ask", threads)
        self._place = Place(lambda: self._adapter.renew(), timeout, LARGEST_LIST)
        self._now = now
        # The address that has said to be older than the microversion that is asked for, and until when that counts.
        self._older = ("", 0.0)
        self.date: datetime.datetime | None = None
        """The API's own time (aware, whole seconds) at its last answer; None before one that said it."""
        self.trouble: str | None = None
        """Why the last call, a report or a question, found no masakari-api that works; empty when it found one, None
        before the first. Who answers 500 is found, and does not work: at this report alone, or at all."""
        self.calls = 0
        """How many calls have shown whether it answers."""

    async def send(self, body: str, may_send: Callable[[], bool] = always) -> Outcome:
        """Offer one notification in its wire form, if it may still be sent once there is a connection for it."""
        try:
            outcome = await self._send(body, may_send)
        except Exception as fault:  # keystoneauth1 may raise whatever it likes for an option that is missing
            self._saw(f"{type(fault).__name__}: {_first_line(fault)}", report=True)
            raise
        if not isinstance(outcome, NotSent):
            self._saw(outcome.answer if isinstance(outcome, Unreachable) else "", report=True)
            if isinstance(outcome, Refused) and not outcome.maintenance:
                self._place.failed(report=True)  # other services of OpenStack refuse in the same form
        return outcome

    async def get(self, path: str) -> Any:
        """Read `path` ("/segments"), relative to the service's endpoint; raises LookupFailed."""
        try:
            found = await self._read(path)
        except LookupFailed as fault:
            self._saw("" if fault.unknown else str(fault))
            raise
        except Exception as fault:
            self._saw(f"{type(fault).__name__}: {_first_line(fault)}")
            raise
        self._saw("")
        return found

    async def locate(self) -> str:
        """Where masakari-api is, once there is a token for it: what keystone's catalogue or the options say.

        Raises LookupFailed. It is not asked anything itself.
        """
        exchange = Exchange(self._seconds, LARGEST_LIST)
        try:
            return await self._gets.call(lambda: self._locate(exchange), self._seconds + _SLACK)
        except TimeoutError as fault:
            raise LookupFailed(f"no token or endpoint from keystone: {_too_late(exchange)}") from fault
        except NoThread as fault:
            raise LookupFailed(str(fault)) from fault

    def _locate(self, exchange: Exchange) -> str:
        with exchange.here():
            try:
                url = self._url("")
                self._adapter.get_token()
            except Exception as error:  # keystoneauth1 raises whatever it likes for an option that is missing
                raise LookupFailed(f"no token or endpoint from keystone: {_seen(error, exchange)}") from error
        return url

    def _saw(self, trouble: str, *, report: bool = False) -> None:
        before, self.trouble = self.trouble, trouble
        self.calls += 1
        if bool(before) is not bool(trouble):
            self._on_change()
        if trouble:
            self._place.failed(report=report)
        else:
            self._place.answered()

    async def _send(self, body: str, may_send: Callable[[], bool]) -> Outcome:
        exchange = Exchange(self._seconds, LARGEST_LIST)
        try:
            return await self._posts.call(
                lambda: self._post(body, may_send, exchange), self._seconds + _SLACK
            )
        except TimeoutError:
            return Unreachable(_too_late(exchange), maybe_accepted=exchange.begun)
        except NoThread as fault:
            return Unreachable(str(fault), maybe_accepted=False)

    async def _read(self, path: str) -> Any:
        exchange = Exchange(self._seconds, LARGEST_LIST)
        try:
            return await self._gets.call(lambda: self._get(path, exchange), self._seconds + _SLACK)
        except TimeoutError as fault:
            raise LookupFailed(f"GET {path}: {_too_late(exchange)}") from fault
        except NoThread as fault:
            raise LookupFailed(f"GET {path}: {fault}") from fault

    def close(self) -> None:
        """Take no more calls; those in flight are left to their time, and keep nobody from ending."""
        self._posts.close()
        self._gets.close()
        self._place.close()

    def _url(self, path: str) -> str:
        endpoint = self._adapter.get_endpoint()
        if not endpoint:
            raise ValueError("no endpoint of service type instance-ha in the catalogue")
        base = str(endpoint).rstrip("/")
        # An endpoint given by hand may be the bare server; a catalogue's carries the version.
        if not re.search(r"/v\d+(\.\d+)?(/|$)", base):
            base = f"{base}/{self._version}"
        return base + path

    def _post(self, body: str, may_send: Callable[[], bool], exchange: Exchange) -> Outcome:
        with exchange.here():
            outcome = self._try_post(body, may_send, exchange)
            if outcome is None:
                # keystoneauth1 would do this by itself, and would not ask whether it may still be sent.
                outcome = self._try_post(body, may_send, exchange, again=True)
        return outcome or NotSent()

    def _try_post(
        self, body: str, may_send: Callable[[], bool], exchange: Exchange, *, again: bool = False
    ) -> Outcome | None:
        """One try; None: the token is not accepted any more, and was thrown away."""
        try:
            url = self._url("/notifications")
            self._adapter.get_token()
        except _faults() as error:
            why = _seen(error, exchange)
            return Unreachable(f"no token or endpoint from keystone: {why}", maybe_accepted=False)
        if not exchange.begins(_ENOUGH):
            why = f"of the {exchange.seconds:g} s for a try too little was left once there was a token"
            return Unreachable(f"{why}; nothing was sent, the next try has the token", maybe_accepted=False)
        if not may_send():
            return NotSent()
        try:
            with exchange.within(LARGEST_ANSWER, may_send):
                response = self._adapter.post(
                    url,
                    json=json.loads(body),
                    timeout=self._timeout,
                    raise_exc=False,
                    allow_reauth=False,
                    redirect=False,
                )
                if response.status_code == 401 and not again and self._adapter.invalidate():
                    return None
        except Withheld:
            return NotSent()
        except _faults() as error:
            in_doubt = exchange.leaving or not _never_sent(error)
            # Who has begun to answer is there: only this report has to be tried again. (Before it was sent, that was
            # keystone.)
            row_only = in_doubt and exchange.over and exchange.answering
            return Unreachable(_seen(error, exchange), maybe_accepted=in_doubt, row_only=row_only)
        self.date = _date(response) or self.date
        outcome = judge(response.status_code, response.text or "")
        if isinstance(outcome, Unreachable) and exchange.remark:
            return replace(outcome, answer=f"{outcome.answer}; {exchange.remark}")
        return outcome

    def _get(self, path: str, exchange: Exchange) -> Any:
        with exchange.here():
            try:
                url = self._url(path)
                # From 1.1 on the API has its engine tell of a single notification, and hangs where the engine is away.
                versioned = not path.startswith("/notifications/") and not self._is_older(
                    url.removesuffix(path)
                )
                response = self._ask(url, versioned)
                if response.status_code == 406 and versioned:
                    self._older = (url.removesuffix(path), self._now() + _UNVERSIONED)
                    response = self._ask(url, versioned=False)
                if response.status_code != 200:
                    said = f"{response.status_code} {words_of(response.text)}".strip()
                    raise LookupFailed(
                        f"GET {path}: {'; '.join(filter(None, (said, exchange.remark)))}",
                        # A list as such is there in every masakari: whoever does not know it is none.
                        unknown=response.status_code == 404
                        and envelope(response.text or "") == "itemNotFound"
                        and not _LIST.match(path),
                    )
                found = response.json()
                if not isinstance(found, dict) or not _ENVELOPES & found.keys():
                    raise LookupFailed(f"GET {path}: 200 {words_of(response.text)} ({STRANGE})")
                return found
            except _faults() as error:
                raise LookupFailed(f"GET {path}: {_seen(error, exchange)}") from error

    def _is_older(self, base: str) -> bool:
        where, until = self._older
        return base == where and self._now() < until

    def _ask(self, url: str, versioned: bool) -> Any:
        headers = {"OpenStack-API-Version": _LISTING_VERSION} if versioned else {}
        response = self._adapter.get(
            url, headers=headers, timeout=self._timeout, raise_exc=False, redirect=False
        )
        self.date = _date(response) or self.date
        return response


def _faults() -> tuple[type[BaseException], ...]:
    """`_FAULTS`, and those of keystoneauth1 where it is in use."""
    theirs = getattr(sys.modules.get("keystoneauth1.exceptions"), "ClientException", None)
    return _FAULTS if theirs is None else (*_FAULTS, theirs)


def _never_sent(error: BaseException) -> bool:
    """Whether the connection was never made, so that the report cannot have arrived."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        item = queue.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        # One of Python's own, not of keystoneauth1's, has come on a connection that stood: where it did not, that is
        # said by an `Unsent` around it.
        if not isinstance(item, ssl.SSLError) and type(item).__name__ in (
            "Unsent",
            "NewConnectionError",
            "NameResolutionError",
            "ConnectTimeoutError",
            "SSLError",
        ):
            return True
        queue += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return False


def _date(response: Any) -> datetime.datetime | None:
    """What the answer's Date header says; RFC 9110 has it in GMT."""
    try:
        moment = email.utils.parsedate_to_datetime(str(response.headers.get("Date")))
    # What is no date may be any of these, by the place where its reading ends.
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split())[:LENGTH]


def _too_late(exchange: Exchange) -> str:
    if exchange.answering:
        return f"an answer was begun, and not ended within {exchange.seconds:g} s"
    return f"no answer within {exchange.seconds:g} s"


def _seen(error: BaseException, exchange: Exchange) -> str:
    """What has failed, in the words that tell most of it."""
    said = _too_late(exchange) if exchange.over else _first_line(error)
    return f"{said}; {exchange.remark}" if exchange.remark else said

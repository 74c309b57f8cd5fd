"""The far end of the path: one notification, one POST, one of four outcomes.

Built on keystoneauth1, so every auth plugin and session option of `[api]` works. Its calls block,
so they run on a bounded pool of threads that share one session: one token, kept-alive connections.
Answers are judged by masakari-api's v1 contract; nothing here retries or remembers.
"""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from keystoneauth1 import exceptions as ks_exceptions

# With its defaults the API sleeps up to 5 s on every POST; less than 15 s would call a slow answer none.
MINIMUM_TIMEOUT = 15.0
TIMEOUT = 30.0
"""Seconds that one call may take when `[api] timeout` is not set: twice the least that makes sense."""
_CONNECT_TIMEOUT = 10.0
_ANSWER_LENGTH = 500
_STRANGE = "masakari-api does not answer like this; is the endpoint of service instance-ha right?"


@dataclass(frozen=True, slots=True)
class Delivered:
    """202: accepted."""

    answer: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """409: the API has had the same report within its duplicate window."""

    answer: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The API will not take this report however often it is offered; `why` says what to do."""

    answer: str
    why: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No verdict on this report. `maybe_accepted`: it may have arrived all the same.

    `row_only`: only this report failed, the API itself answers. `slow`: asking soon is no use.
    """

    answer: str
    maybe_accepted: bool
    row_only: bool = False
    slow: bool = False


Outcome = Delivered | Duplicate | Refused | Unreachable


class Api(Protocol):
    """What delivery asks of the far end."""

    async def send(self, body: str) -> Outcome:
        """Offer one notification in its wire form."""


class LookupFailed(Exception):
    """A read from masakari-api gave no usable answer; the message says what was seen."""


class MasakariApi:
    """masakari-api behind a keystoneauth1 adapter (service type `instance-ha`)."""

    def __init__(
        self, adapter: Any, *, api_version: str = "v1", timeout: float = TIMEOUT, threads: int = 8
    ) -> None:
        """`adapter` is a keystoneauth1.adapter.Adapter; `timeout` (seconds) is raised to 15 when lower."""
        self._adapter = adapter
        self._version = api_version
        self._timeout = (_CONNECT_TIMEOUT, max(timeout, MINIMUM_TIMEOUT))
        self._pool = ThreadPoolExecutor(threads, "masakari-api")

    async def send(self, body: str) -> Outcome:
        """Offer one notification in its wire form."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._post, body)

    async def get(self, path: str) -> Any:
        """Read `path` ("/segments"), relative to the service's endpoint; raises LookupFailed."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._get, path)

    def close(self) -> None:
        """Take no more calls; those in flight are left to their time-outs."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _url(self, path: str) -> str:
        endpoint = self._adapter.get_endpoint()
        if not endpoint:
            raise ks_exceptions.EndpointNotFound("no endpoint of service type instance-ha in the catalogue")
        base = str(endpoint).rstrip("/")
        # An endpoint given by hand may be the bare server; a catalogue's carries the version.
        if not re.search(r"/v\d+(\.\d+)?(/|$)", base):
            base = f"{base}/{self._version}"
        return base + path

    def _post(self, body: str) -> Outcome:
        try:
            url = self._url("/notifications")
        except ks_exceptions.ClientException as error:
            return Unreachable(
                f"no token or endpoint from keystone: {_first_line(error)}", maybe_accepted=False
            )
        try:
            response = self._adapter.post(url, json=json.loads(body), timeout=self._timeout, raise_exc=False)
        except ks_exceptions.ClientException as error:
            return Unreachable(_first_line(error), maybe_accepted=not _never_sent(error))
        return judge(response.status_code, response.text or "")

    def _get(self, path: str) -> Any:
        try:
            response = self._adapter.get(self._url(path), timeout=self._timeout, raise_exc=False)
            if response.status_code != 200:
                raise LookupFailed(f"GET {path}: {response.status_code} {_text(response.text)}")
            return response.json()
        except (ks_exceptions.ClientException, ValueError) as error:
            raise LookupFailed(f"GET {path}: {_first_line(error)}") from error


def judge(status: int, text: str) -> Outcome:
    """What an HTTP answer means for the notification that was offered (masakari-api v1)."""
    answer = f"{status} {_text(text)}".strip()
    if status == 202 or (status in (200, 201) and _envelope(text) == "notification"):
        return Delivered(answer)
    if status == 409:
        # Only the words tell the two apart, and a host's own name may hold either word: no name has a space.
        if "under maintenance" in text:
            return Refused(
                answer,
                "the host is on maintenance in masakari: high availability is off for it until its "
                "on_maintenance flag is taken back",
            )
        if "duplicate" in text.lower():
            return Duplicate(answer)
        return Unreachable(f"{answer} ({_STRANGE})", maybe_accepted=False, row_only=True)
    if status == 400 and _envelope(text) == "badRequest":
        return Refused(
            answer,
            "a configuration fault: the hostname must be registered in a failover segment, exactly as "
            "[DEFAULT] hostname says it",
        )
    if status in (401, 407):
        return Unreachable(f"{answer} (the credentials in [api] were not accepted)", maybe_accepted=False)
    if status == 403:
        return Unreachable(
            f"{answer} (the user of [api] lacks the role that may post notifications)",
            maybe_accepted=False,
            slow=True,
        )
    if status == 404:
        return Unreachable(f"{answer} (is the endpoint of service instance-ha right?)", maybe_accepted=False)
    if status in (408, 425, 429, 502, 503, 504):
        return Unreachable(answer, maybe_accepted=status in (408, 502, 504))
    if status >= 500:
        return Unreachable(answer, maybe_accepted=True, row_only=True)
    if status in (413, 415):
        return Refused(answer, "an answer that this report should never meet; look at the API's log")
    # A redirect, a web server's own page, another service: whatever answered is not masakari-api, and has
    # no say over the report.
    return Unreachable(f"{answer} ({_STRANGE})", maybe_accepted=False)


def _never_sent(error: BaseException) -> bool:
    """Whether the connection was never made, so that the report cannot have arrived."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        item = queue.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        if type(item).__name__ in (
            "NewConnectionError",
            "NameResolutionError",
            "ConnectTimeoutError",
            "SSLError",
        ):
            return True
        queue += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return False


def _envelope(text: str) -> str:
    """The one key that wraps each of masakari-api's answers, or nothing when it is no such answer."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return ""
    return str(next(iter(parsed), "")) if isinstance(parsed, dict) else ""


def _text(text: str | None) -> str:
    """The API's own words, out of its JSON envelope, on one line and of bounded length."""
    words = text or ""
    try:
        parsed = json.loads(words)
    except ValueError:
        pass
    else:
        if isinstance(parsed, dict):
            inner = next(iter(parsed.values()), None)
            if isinstance(inner, dict):
                words = str(inner.get("message") or inner.get("notification_uuid") or words)
    return " ".join(words.split())[:_ANSWER_LENGTH]


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split())[:_ANSWER_LENGTH]

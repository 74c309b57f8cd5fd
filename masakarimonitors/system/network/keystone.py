"""Tokens and the endpoint of one service from keystone's API, version 3.

In: who asks and for what, and a session of HTTP. Out: one token that is renewed before it ends, and where its catalogue
says that the service is. Requests and choices are those of keystoneauth1, so that a file of options means the same with
either; what is unusual is left to that library.
"""

import datetime
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from masakarimonitors.core.outside import moment_in_utc
from masakarimonitors.core.printable import printable
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.network.http_exchange import LARGEST, current
from masakarimonitors.system.network.http_session import HttpSession, Response, Unsent, shown

_RENEWED = datetime.timedelta(seconds=120)
"""How long before its end a token is renewed."""
_OFFERED = ("stable", "current", "supported", "deprecated")
"""What keystone says of versions that may be used."""
_NOT_THERE = (404, 405, 410)
"""What is answered where keystone's API is not, or is no more."""


class KeystoneFault(OSError):
    """No token or no endpoint; the message says what was seen, and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks keystone (`method` and `proof`, as its API names them) and for what (`scope`; None: what it likes).

    `discovers`: `auth_url` is asked for where version 3 is; `newest_first`: in which order it is looked through.
    """

    auth_url: str
    method: str
    proof: Mapping[str, Any]
    scope: Mapping[str, Any] | None
    discovers: bool = False
    newest_first: bool = False

    def body(self) -> dict[str, Any]:
        """What is asked of keystone; it holds the secret."""
        auth: dict[str, Any] = {"identity": {"methods": [self.method], self.method: dict(self.proof)}}
        if self.scope is not None:
            auth["scope"] = dict(self.scope)
        return {"auth": auth}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which endpoint is wanted; `names` of its type, the best first, and `interfaces` in the same way."""

    names: Sequence[str]
    interfaces: Sequence[str]
    region: str | None
    name: str | None

    def __str__(self) -> str:
        """As it is called where it is not found."""
        called = f" named {self.name}" if self.name else ""
        where = f" in region {self.region}" if self.region else ""
        return f"{' or '.join(self.interfaces)} endpoint of service {self.names[0]}{called}{where}"


@dataclass(slots=True)
class _Access:
    token: str
    ends: datetime.datetime | None
    catalogue: Sequence[Any]
    refused: bool = False


class Keystone:
    """One identity's token, for any thread: the first that needs one fetches it, the others wait for it."""

    def __init__(
        self,
        session: HttpSession,
        identity: Identity,
        now: Callable[[], datetime.datetime] = lambda: SystemClock().now().wall,
    ) -> None:
        """Nothing is asked yet."""
        self._session = session
        self._identity = identity
        self._now = now
        self._lock = threading.Lock()
        self._place = ""
        self._access: _Access | None = None

    def token(self) -> str:
        """Valid for two minutes more; raises OSError, ValueError."""
        return self._current().token

    def endpoint(self, service: Service) -> str:
        """Where the catalogue says that a service is; raises OSError, ValueError."""
        catalogue = self._current().catalogue
        if not catalogue:
            raise KeystoneFault("the catalogue of keystone is empty: is there a project in [api]?")
        found = endpoint_of(catalogue, service)
        if not found:
            raise KeystoneFault(f"{service} is not in keystone's catalogue")
        return found

    def invalidate(self, refused: str) -> bool:
        """That token is not accepted any more; whether it is worth a try with the one that `token` gives from now on.

        It is, be it that another thread was told the same before and has got another one meanwhile, which is kept.
        """
        access = self._access
        if access is not None and access.token == refused:
            # Marked, not dropped: what stands there may be another one already.
            access.refused = True
        return bool(refused)

    def renew(self, service: Service) -> str:
        """Another token with the catalogue of now, from which on both are used; raises OSError, ValueError.

        Says to where the service has moved, or nothing. Where it is in the catalogue no more, or there is no good token
        now, so that the next one who needs one fetches it anyway, nothing changes.
        """
        access = self._access
        if access is None or access.refused or self._has_ended(access):
            return ""
        fresh = self._fetched()  # with no lock: whoever has a report to send has a token
        before, after = (endpoint_of(one.catalogue, service) for one in (access, fresh))
        if not after:
            return ""
        with self._lock:
            self._access = fresh
        if before == after:
            return ""
        return (
            f"keystone's catalogue has another {service}: {shown(after)} ({shown(before) or 'none'} before)"
        )

    def _current(self) -> _Access:
        exchange = current()
        if not self._lock.acquire(timeout=exchange.left() if exchange is not None else -1):
            raise KeystoneFault("another request of ours waited for a token for all of the time")
        try:
            access = self._access
            if access is None or access.refused or self._has_ended(access):
                self._access = access = self._fetched()
            return access
        finally:
            self._lock.release()

    def _has_ended(self, access: _Access) -> bool:
        return access.ends is not None and access.ends < self._now() + _RENEWED

    def _found(self) -> str:
        """Where version 3 of the API is."""
        asked = self._identity.auth_url
        if not self._identity.discovers:
            return asked
        try:
            answer = self._session.request("GET", asked, {})
            if answer.status_code >= 400:
                raise KeystoneFault(_refusal(answer))
            versions = _versions(answer.json())
        except (OSError, ValueError, RecursionError) as fault:
            if urlsplit(asked).path.lower().startswith("/v3"):
                return asked
            raise KeystoneFault(
                f"auth_url = {shown(asked)} does not say where version 3 of keystone's API is: {fault}"
            ) from fault
        found = version_3(asked, versions, newest_first=self._identity.newest_first)
        if not found:
            raise KeystoneFault(f"auth_url = {shown(asked)} offers no version 3 of keystone's API")
        return found

    def _fetched(self) -> _Access:
        """A new token; where no keystone answers at the place that was found, that is looked for anew the next time."""
        self._place = place = self._place or self._found()
        base = place.rstrip("/")
        where = f"{base}/auth/tokens" if base.endswith("v3") else f"{base}/v3/auth/tokens"
        answer = self._session.request("POST", where, {}, json.dumps(self._identity.body()).encode())
        if answer.status_code >= 400:
            if answer.status_code in _NOT_THERE:
                self._place = ""
            raise KeystoneFault(_refusal(answer))
        try:
            token = answer.json()["token"]
            ends = token.get("expires_at")
            catalogue = token.get("catalog") or []
            access = _Access(answer.headers.get("X-Subject-Token") or "", _end(ends), _listed(catalogue))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            self._place = ""
            raise KeystoneFault(f"{shown(where)} answers {answer.status_code} without a token") from fault
        if not access.token:
            raise KeystoneFault(
                f"{shown(where)} answers {answer.status_code} without a token: its head has no X-Subject-Token, which "
                "whatever stands between may have removed"
            )
        return access


def _end(told: object) -> datetime.datetime | None:
    """When a token ends; None where keystone does not say."""
    found = moment_in_utc(told)
    if found is None and told:
        raise ValueError(f"{told!r:.40} is no moment")
    return found


def _refusal(answer: Response) -> str:
    """keystone's own words, of a bounded length."""
    try:
        said = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = answer.text
    return f"{printable(' '.join(str(said).split()), 300)} (HTTP {answer.status_code})"


def _versions(document: Any) -> Sequence[Any]:
    """The versions that a document of them lists; raises ValueError."""
    if isinstance(document, dict):
        listed = document.get("versions", [document["version"]] if "version" in document else None)
        values = listed.get("values") if isinstance(listed, dict) else listed
        if isinstance(values, list):
            return values
    raise ValueError("it does not answer with a document of versions")


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []


def version_3(asked: str, versions: Sequence[Any], *, newest_first: bool = False) -> str:
    """The address of a version 3 of the API in a document of versions from the address `asked`; or nothing."""
    found = []
    for one in versions:
        if not isinstance(one, dict) or str(one.get("status")).lower() not in _OFFERED:
            continue
        number = [int(part) for part in str(one.get("id", "")).lstrip("v").split(".") if part.isdecimal()]
        links = one.get("links")
        own = [
            _combined(asked, link["href"])
            for link in _listed(links)
            if isinstance(link, dict)
            and str(link.get("rel")).lower() == "self"
            and isinstance(link.get("href"), str)
        ]
        if number[:1] == [3] and own:
            found.append((number, own[-1]))
    found.sort(key=lambda each: each[0], reverse=newest_first)
    return found[0][1] if found else ""


def _combined(asked: str, said: str) -> str:
    """The address of a version by the path that is said of it; its host is often another one than can be reached."""
    place, base = urlsplit(urljoin(asked.rstrip("/") + "/", said)), urlsplit(asked)
    path = place.path
    if place.netloc != base.netloc:
        version, own = said.rstrip("/").split("/")[-1], base.path.rstrip("/")
        end = "/" if said.endswith("/") else ""
        path = base.path if own.endswith(version) else f"{own}/{version}{end}"
    return place._replace(scheme=base.scheme, netloc=base.netloc, path=path).geturl()


def endpoint_of(catalogue: Sequence[Any], service: Service) -> str:
    """The address of a service in a catalogue, or nothing: its best name first, then its best interface."""
    wanted = [interface.removesuffix("URL") for interface in service.interfaces]
    for name in service.names:
        offered = [
            endpoint
            for one in catalogue
            if isinstance(one, dict) and one.get("type") == name
            if not (service.name and one.get("name")) or one["name"] == service.name
            for endpoint in _listed(one.get("endpoints"))
            if isinstance(endpoint, dict) and endpoint.get("url")
            if not service.region or service.region == (endpoint.get("region_id") or endpoint.get("region"))
        ]
        for interface in wanted:
            for endpoint in offered:
                if endpoint.get("interface") == interface:
                    return str(endpoint["url"])
    return ""


class KeystoneAdapter:
    """A service through keystone, for `MasakariApi`: each request with a token, to where the service is."""

    def __init__(
        self,
        session: HttpSession,
        keystone: Keystone | None,
        service: Service,
        endpoint: str | None,
    ) -> None:
        """`endpoint`: instead of the catalogue's; without `keystone` there is nothing else, and no token."""
        self._session = session
        self._keystone = keystone
        self._service = service
        self._endpoint = endpoint
        self._of_thread = threading.local()

    def get_endpoint(self) -> str | None:
        """Where the service is; raises OSError, ValueError."""
        if self._endpoint or self._keystone is None:
            return self._endpoint
        return self._keystone.endpoint(self._service)

    def get_token(self) -> str:
        """What shows who asks; raises OSError, ValueError."""
        if self._keystone is None:
            return "notused"
        token = self._of_thread.token = self._keystone.token()
        return token

    def invalidate(self) -> bool:
        """The token that this thread was given last is not accepted any more; whether there can be another."""
        refused = getattr(self._of_thread, "token", "")
        self._of_thread.token = ""
        return self._keystone is not None and self._keystone.invalidate(refused)

    def renew(self) -> str:
        """Read the catalogue anew where it says where the service is; raises OSError, ValueError. Says what is new."""
        if self._endpoint or self._keystone is None:
            return ""
        return self._keystone.renew(self._service)

    def get(self, url: str, **options: Any) -> Response:
        """Read, once more with another token if the first is not accepted; raises OSError, ValueError.

        `options`: `headers`, and `timeout` (seconds to connect, to read).
        """
        answer = self._send("GET", url, None, **options)
        if answer.status_code == 401 and self.invalidate():
            answer = self._send("GET", url, None, **options)
        return answer

    def post(self, url: str, **options: Any) -> Response:
        """Send `json`, once; raises OSError, ValueError, `Withheld`. Other `options` as `get`."""
        return self._send("POST", url, json.dumps(options.pop("json")).encode(), **options)

    def _send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        *,
        timeout: tuple[float, float],
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> Response:
        exchange = current()
        if exchange is None:
            raise RuntimeError("a request that belongs to no exchange has no end")
        # Whether a report may leave is asked when it does, not when its token is asked for. A catalogue may be larger
        # than the answer to a report.
        try:
            with exchange.within(LARGEST):
                token = self.get_token()
        except (OSError, ValueError) as fault:
            raise Unsent(f"no token from keystone: {fault}") from fault
        head = {"X-Auth-Token": token, **(headers or {})}
        return self._session.request(method, url, head, body, connect=timeout[0])

"""Redfish: a BMC asked by HTTP for its system's PowerState.

In: an `Address`. Out: one `Reading`, always: every fault is a NO_PROOF with its evidence. The password goes by HTTP
header and never into the evidence. At most four documents are read (the service's root, its list of systems, the
system and, where that is off, its manager), each within a whole time-out: a BMC that sends one byte a second holds up
nobody. Paths and properties are those of DMTF's DSP0266 and of the schemas ComputerSystem and Manager.
"""

import asyncio
import base64
import contextlib
import datetime
import json
import ssl
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.bmc import REDFISH_ROOT, Address, Lack, Reading, SecretFault, Uptime
from masakarimonitors.hostmonitor.power.https import CaFault, Conversation, NoConnection, Trust
from masakarimonitors.hostmonitor.power.names import NameFault, Names
from masakarimonitors.hostmonitor.power.redact import place, shown
from masakarimonitors.system.network import tcp
from masakarimonitors.system.network.http_client import HttpFault
from masakarimonitors.system.network.tcp import Knock

_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_KNOCK = 3.0
"""Seconds for finding out whether a BMC that gave no answer is there at all."""

_MISCONFIGURED = {
    401: "wrong user name or password",
    403: "this user may not read it",
    404: "it has no such path",
}


class _NoProof(Exception):
    """One exchange has led to no word about power."""

    def __init__(self, lack: Lack, words: str) -> None:
        super().__init__(words)
        self.lack = lack


class Redfish:
    """Asks for the system's PowerState."""

    def __init__(self, timeout: float, *, names: Names | None = None) -> None:
        """`timeout` in seconds for each HTTP request, its whole answer included."""
        self._timeout = timeout
        self._names = names or Names(timeout)
        # Less than a request has: what is wrong then is said of the disk, and not of the BMC.
        self._trust = Trust(timeout / 2)

    async def read(self, address: Address) -> Reading:
        """Ask once; every fault is a NO_PROOF with its evidence."""
        try:
            password = await address.secret.reveal()
        except SecretFault as fault:
            return Reading(Power.NO_PROOF, f"{address.device}: {fault}", Lack.FAULT)
        try:
            state, uptime = await self._ask(address, password)
        except _NoProof as fault:
            words = shown(str(fault), password)
            return Reading(Power.NO_PROOF, f"{address.shown}: {words}", fault.lack)
        # PoweringOn, PoweringOff and Paused are neither.
        power = {"On": Power.ON, "Off": Power.OFF}.get(state, Power.NO_PROOF)
        lack = Lack.ODD if power is Power.NO_PROOF else None
        words = f"{address.shown} says PowerState {shown(state, password)}"
        return Reading(power, words, lack, uptime)

    async def _ask(self, address: Address, password: str) -> tuple[str, Uptime | None]:
        """The PowerState, and for how long the BMC itself runs, where it is off and says so."""
        if ":" in address.user:
            raise _NoProof(
                Lack.FAULT, "its user name has a colon, which HTTP's Basic authentication cannot carry"
            )
        # Basic, so that no session is opened whose token would have to be looked after.
        login = base64.b64encode(f"{address.user}:{password}".encode()).decode()
        async with Conversation(self._names, self._trust, address.verify) as conversation:

            async def get(path: str) -> Mapping[str, Any]:
                return await self._get(conversation, address, path, f"Basic {login}")

            path = address.system
            if not path:
                root = await get(REDFISH_ROOT)
                path = _only_member(await get(_link(root.get("Systems"), "Systems")))
            system = await get(path if path.startswith("/") else f"/{path}")
            state = system.get("PowerState")
            uptime = None
            if state == "Off":
                with contextlib.suppress(_NoProof):
                    uptime = _uptime(await get(_manager(system)))
        return state if isinstance(state, str) else json.dumps(state), uptime

    async def _get(
        self, conversation: Conversation, address: Address, path: str, login: str
    ) -> Mapping[str, Any]:
        """One JSON object; raises _NoProof."""
        url = base_url(address) + path
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(2):
                    answer = await conversation.get(url, {"Authorization": login})
                    if answer.status not in _REDIRECTED:
                        return _document(answer.status, answer.body, path)
                    url = _same_place(url, answer.headers.get("location", ""))
            raise _NoProof(Lack.ODD, f"{path} refers to itself")
        except TimeoutError:
            if await self._is_silent(address):
                raise _NoProof(Lack.SILENT, f"no answer within {self._timeout:.0f} s") from None
            words = f"no whole answer within {self._timeout:.0f} s, though it accepts connections"
            raise _NoProof(Lack.ODD, words) from None
        except CaFault as fault:
            raise _NoProof(Lack.FAULT, str(fault)) from None
        except ssl.SSLError as fault:
            words = f"its certificate or its TLS is not accepted ({fault}); see `verify` or ssl_insecure"
            raise _NoProof(Lack.FAULT, words) from None
        except NoConnection as fault:
            lack = Lack.SILENT if await self._is_silent(address) else Lack.FAULT
            raise _NoProof(lack, f"no connection ({fault})") from None
        except HttpFault as fault:
            raise _NoProof(Lack.ODD, str(fault)) from None
        except OSError as fault:
            raise _NoProof(Lack.ODD, f"{type(fault).__name__}: {fault}") from None
        except ValueError:
            raise _NoProof(Lack.FAULT, "its address makes no URL") from None

    async def _is_silent(self, address: Address) -> bool:
        """Whether no address of it accepts or refuses a connection, though all could be tried."""
        url = urlsplit(base_url(address))
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            places = await self._names.addresses(url.hostname or "", port)
        except NameFault:
            return False
        tries = (tcp.knock(one, port, min(self._timeout, _KNOCK)) for one in places)
        return {how for how, _ in await asyncio.gather(*tries)} == {Knock.SILENT}


def _same_place(url: str, location: str) -> str:
    """Where one is led to, if it is the same path of the same BMC but for a slash or for TLS; raises _NoProof.

    Another server, and another path, would speak of another system, and get the password.
    """
    scheme, name, port, path = _parts(url)
    same = {(scheme, name, port, path)}
    if (scheme, port) == ("http", 80):
        same.add(("https", name, 443, path))
    try:
        target = urljoin(url, location)
        if _parts(target) in same:
            return target
    except ValueError:
        target = "what is no URL"
    words = f"it refers to {place(target)} instead of answering; where that is the BMC, name it in its place"
    raise _NoProof(Lack.FAULT, words)


def _parts(url: str) -> tuple[str, str, int, str]:
    """Scheme, name, port, and path and query; raises ValueError, also where a login stands in it."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("an URL with a login")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port, f"{parts.path.rstrip('/')}?{parts.query}"


def _document(status: int, body: bytes, path: str) -> Mapping[str, Any]:
    """The JSON object of an answer; raises _NoProof."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if status != 200:
        lack = Lack.FAULT if status in _MISCONFIGURED else Lack.ODD
        told = _MISCONFIGURED.get(status) or _message(document) or "it says no more"
        raise _NoProof(lack, f"HTTP {status} for {path}: {told}")
    if not isinstance(document, dict):
        raise _NoProof(Lack.ODD, f"{path} is no JSON object")
    return document


def _message(document: object) -> str:
    error = document.get("error") if isinstance(document, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _only_member(systems: Mapping[str, Any]) -> str:
    members = systems.get("Members")
    if not isinstance(members, list):
        _odd("Members")
    if len(members) != 1:
        raise _NoProof(Lack.FAULT, f"it has {len(members)} systems: name one (`system` or systems_uri)")
    return _link(members[0], "Members")


def _manager(system: Mapping[str, Any]) -> str:
    """The path of the BMC that manages a system."""
    links = system.get("Links")
    managers = links.get("ManagedBy") if isinstance(links, dict) else None
    if not isinstance(managers, list) or len(managers) != 1:
        _odd("ManagedBy")
    return _link(managers[0], "ManagedBy")


def _uptime(manager: Mapping[str, Any]) -> Uptime | None:
    """For how long a BMC runs by its own two clocks (schema Manager); None where it cannot be told."""
    try:
        now, since = (
            datetime.datetime.fromisoformat(str(manager[key])) for key in ("DateTime", "LastResetTime")
        )
    except (KeyError, ValueError, TypeError):
        return None
    return Uptime(now, since) if (now.tzinfo is None) is (since.tzinfo is None) else None


def _link(value: object, name: str) -> str:
    path = value.get("@odata.id") if isinstance(value, dict) else None
    if not isinstance(path, str) or not path.startswith("/"):
        _odd(name)
    return path


def _odd(name: str) -> NoReturn:
    raise _NoProof(Lack.ODD, f"its {name} are not what Redfish says they are")


def base_url(address: Address) -> str:
    """The service root's server: what the address says, with scheme and port where it leaves them out."""
    if "://" in address.host:
        parts = urlsplit(address.host)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    host = f"[{address.host}]" if ":" in address.host and not address.host.startswith("[") else address.host
    port = f":{address.port}" if address.port else ""
    return f"{'https' if address.tls else 'http'}://{host}{port}"

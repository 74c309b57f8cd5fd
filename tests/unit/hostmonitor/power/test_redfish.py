"""Redfish: what is asked of a BMC, and what each answer proves."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.bmc import Address, InFile, Lack, Literal, Reading, Speaks
from masakarimonitors.hostmonitor.power.names import Names
from masakarimonitors.hostmonitor.power.redfish import Redfish, base_url
from tests.fixtures.waiting import growing

PASSWORD = "correct-horse"
BMC = Address(device="fence-1", speaks=Speaks.REDFISH, host="bmc-1", user="admin", secret=Literal(PASSWORD))


ROOT = "/redfish/v1"


class Service:
    """A BMC that speaks Redfish: some systems, each with its PowerState."""

    def __init__(self, **systems: Any) -> None:
        self.systems = systems
        self.instead: dict[str, web.Response] = {}
        """What is answered instead at a path."""
        self.asked: dict[str, str | None] = {}
        """Each path that was asked for, with the login that came along."""
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        place = request.path.rstrip("/").removeprefix(ROOT)
        self.asked[place] = request.headers.get("Authorization")
        if place in self.instead:
            return self.instead[place]
        if not place:
            return web.json_response(
                {
                    "Id": "Root",
                    "Name": "Root",
                    "RedfishVersion": "1.6.0",
                    "Systems": {"@odata.id": f"{ROOT}/Systems"},
                    "Links": {"Sessions": {"@odata.id": f"{ROOT}/Sessions"}},
                }
            )
        if place == "/Systems":
            members = [{"@odata.id": f"{ROOT}/Systems/{name}"} for name in self.systems]
            return web.json_response({"Name": "Systems", "Members": members})
        name = place.removeprefix("/Systems/")
        if name in self.systems:
            body: dict[str, Any] = {"Id": name, "Name": name, "UUID": name, "PowerState": self.systems[name]}
            return web.json_response(body)
        words = {"error": {"message": f"no {name} for {PASSWORD}", "code": "Base.1.0.GeneralError"}}
        return web.json_response(words, status=400)


@contextlib.asynccontextmanager
async def serving(service: Service) -> AsyncIterator[Service]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", service.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield service
    finally:
        await runner.cleanup()


async def read(service: Service, system: str = "", **changes: Any) -> Reading:
    address = replace(BMC, **{"host": service.url, "system": system, **changes})
    return await Redfish(30.0).read(address)


@pytest.mark.parametrize(
    ("state", "power", "told"),
    [
        ("On", Power.ON, "On"),
        ("Off", Power.OFF, "Off"),
        ("PoweringOn", Power.NO_PROOF, "PoweringOn"),
        ("PoweringOff", Power.NO_PROOF, "PoweringOff"),
        ("Paused", Power.NO_PROOF, "Paused"),
        ("off", Power.NO_PROOF, "off"),
        (None, Power.NO_PROOF, "null"),
        (0, Power.NO_PROOF, "0"),
        (["Off"], Power.NO_PROOF, '["Off"]'),
        ({"Off": 1}, Power.NO_PROOF, '{"Off": 1}'),
    ],
)
async def test_only_on_and_off_are_words_about_power(state: Any, power: Power, told: str) -> None:
    async with serving(Service(n1=state)) as service:
        reading = await read(service)
    lack = Lack.ODD if power is Power.NO_PROOF else None
    assert reading == Reading(power, f"fence-1: BMC {service.url} says PowerState {told}", lack)


@pytest.mark.parametrize(
    ("place", "body"),
    [
        *(
            ("", body)
            for body in ("[]", "null", '"x"', "<html>", "", '{"Systems": "/x"}', "{}", "[" * 100_000)
        ),
        *(("/Systems", body) for body in ("[]", "null", '{"Members": null}', '{"Members": {}}')),
        *(("/Systems", f'{{"Members": [{body}]}}') for body in ("null", '"x"', "{}", '{"@odata.id": 1}')),
        ("/Systems", '{"Members": [{"@odata.id": "http://elsewhere/redfish/v1/Systems/1"}]}'),
        *(("/Systems/n1", body) for body in ("[]", "null", "{", '"PowerState: Off"', "\xff\xfe")),
    ],
)
async def test_nonsense_of_any_kind_is_an_odd_answer(place: str, body: str) -> None:
    async with serving(Service(n1="Off")) as service:
        service.instead[place] = web.Response(body=body.encode("latin-1"), content_type="application/json")
        reading = await read(service)
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.ODD), reading


@pytest.mark.parametrize(
    ("status", "lack", "words"),
    [
        (401, Lack.FAULT, "HTTP 401 for /redfish/v1/: wrong user name or password"),
        (403, Lack.FAULT, "HTTP 403 for /redfish/v1/: this user may not read it"),
        (404, Lack.FAULT, "HTTP 404 for /redfish/v1/: it has no such path"),
        (503, Lack.ODD, "HTTP 503 for /redfish/v1/: it says no more"),
        (204, Lack.ODD, "HTTP 204 for /redfish/v1/: it says no more"),
    ],
)
async def test_each_status_says_whose_fault_it_is(status: int, lack: Lack, words: str) -> None:
    async with serving(Service(n1="Off")) as service:
        service.instead[""] = web.Response(status=status)
        reading = await read(service)
    assert reading == Reading(Power.NO_PROOF, f"fence-1: BMC {service.url}: {words}", lack)


async def test_a_document_without_an_end_is_not_read_to_it() -> None:
    async with serving(Service(n1="Off")) as service:
        service.instead[""] = web.Response(body=b" " * (2 << 20), content_type="application/json")
        reading = await read(service)
    assert (reading.lack, "sends more than 1 MiB" in reading.evidence) == (Lack.ODD, True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("at", ["", "/Systems/n1"])
async def test_another_server_is_not_asked_and_gets_no_password(status: int, at: str) -> None:
    async with serving(Service(n1="Off", n2="Off")) as other, serving(Service(n1="On")) as service:
        headers = {"Location": f"{other.url}{ROOT}{at}"}
        service.instead[at] = web.Response(status=status, headers=headers)
        reading = await read(service)
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT)
    assert f"refers to {other.url}" in reading.evidence
    assert other.asked == {}


@pytest.mark.parametrize(
    "location", [f"{ROOT}/Systems/n2", "n2", "/", "//", "http://[", "//a:b@127.0.0.1/", ""]
)
async def test_another_path_of_the_same_server_is_not_asked(location: str) -> None:
    async with serving(Service(n1="On", n2="Off")) as service:
        service.instead["/Systems/n1"] = web.Response(status=302, headers={"Location": location})
        reading = await read(service, f"{ROOT}/Systems/n1")
    assert (reading.power, "/Systems/n2" in service.asked) == (Power.NO_PROOF, False)


async def test_a_slash_more_or_less_is_the_same_path() -> None:
    class Strict(Service):
        async def answer(self, request: web.Request) -> web.Response:
            if request.path.endswith("/"):
                return web.Response(status=308, headers={"Location": request.path.rstrip("/")})
            return await super().answer(request)

    async with serving(Strict(n1="Off")) as service:
        assert (await read(service)).power is Power.OFF
        assert (await read(service, f"{ROOT}/Systems/n1/")).power is Power.OFF


@contextlib.asynccontextmanager
async def speaking(say: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server on which a test says itself what is sent."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await say(writer)

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def saying_nothing(writer: asyncio.StreamWriter) -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("say", [dripping, saying_nothing])
async def test_a_bmc_that_never_ends_its_answer_is_odd_and_not_silent_and_holds_up_nobody(
    say: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> None:
    async with speaking(say) as url, serving(Service(n1="Off")) as healthy:
        for seconds in growing(1.0, "all to be connected"):
            redfish = Redfish(seconds)
            hanging = [
                asyncio.get_running_loop().create_task(redfish.read(replace(BMC, host=url)))
                for _ in range(20)
            ]
            assert (await Redfish(30.0).read(replace(BMC, host=healthy.url))).power is Power.OFF
            readings = await asyncio.gather(*hanging)
            assert {reading.power for reading in readings} == {Power.NO_PROOF}
            if {reading.lack for reading in readings} == {Lack.ODD}:
                break
        words = f"no whole answer within {seconds:g} s, though it accepts connections"
        assert all(words in reading.evidence for reading in readings)


async def test_what_is_no_http_is_odd() -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with speaking(say) as url:
        reading = await Redfish(30.0).read(replace(BMC, host=url))
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.ODD)


async def test_a_closed_port_is_a_fault_and_not_silence() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    reading = await Redfish(30.0).read(replace(BMC, host="127.0.0.1", port=port, tls=False))
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT)
    assert "no connection" in reading.evidence


async def test_a_full_queue_is_silence() -> None:
    """The kernel drops what does not fit, as a network does that is cut."""
    loop = asyncio.get_running_loop()
    with socket.socket() as server, contextlib.ExitStack() as clients:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            waiting.append(loop.create_task(loop.sock_connect(client, server.getsockname())))
            await asyncio.sleep(0)
        address = replace(BMC, host=f"http://127.0.0.1:{server.getsockname()[1]}")
        reading = await Redfish(0.3).read(address)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.SILENT)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "no-such-bmc.invalid"}, "name cannot be looked up"),
        ({"host": "http://"}, "makes no URL"),
        ({"user": "a:b"}, "user name has a colon"),
        ({"verify": "/no/such/file"}, "CA file /no/such/file cannot be used (No such file or directory)"),
        ({"secret": Literal("a\0b")}, "NUL"),
    ],
)
async def test_what_keeps_us_from_asking_is_a_fault(changes: dict[str, Any], words: str) -> None:
    reading = await Redfish(30.0).read(replace(BMC, **{"host": "127.0.0.1", **changes}))
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT), reading
    assert words in reading.evidence


async def test_a_bmc_is_found_by_its_name() -> None:
    names = Names(30.0, look_up=lambda host, *rest: socket.getaddrinfo("127.0.0.1", *rest))
    async with serving(Service(n1="Off")) as service:
        address = replace(BMC, host=service.url.replace("127.0.0.1", "bmc-1.example"))
        assert (await Redfish(30.0, names=names).read(address)).power is Power.OFF
    names.end()


async def test_tls_that_is_none_is_a_fault() -> None:
    async with serving(Service(n1="Off")) as service:
        reading = await read(service, host=service.url.replace("http", "https"))
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT)
    assert "its certificate or its TLS is not accepted" in reading.evidence


async def test_a_password_beyond_latin_1_is_sent_as_utf_8() -> None:
    async with serving(Service(n1="On")) as service:
        await read(service, secret=Literal("pāss"))
    assert service.asked["/Systems/n1"] == "Basic " + base64.b64encode("admin:pāss".encode()).decode()


MANAGER = {"Links": {"ManagedBy": [{"@odata.id": f"{ROOT}/Managers/1"}]}}


@pytest.mark.parametrize(
    ("manager", "settled"),
    [
        ({"DateTime": "2026-01-01T12:00:00Z", "LastResetTime": "2026-01-01T11:49:59Z"}, True),
        ({"DateTime": "2026-01-01T12:00:00+00:00", "LastResetTime": "2026-01-01T05:00:00-06:00"}, True),
        ({"DateTime": "2026-01-01T12:00:00Z", "LastResetTime": "2026-01-01T11:50:01Z"}, False),
        # A clock that was set after the restart, one that runs backwards, one without a zone, and nonsense.
        ({"DateTime": "2026-01-01T12:00:00Z", "LastResetTime": "1970-01-01T00:00:30Z"}, False),
        ({"DateTime": "2026-01-01T12:00:00Z", "LastResetTime": "2026-01-01T13:00:00Z"}, False),
        ({"DateTime": "2026-01-01T12:00:00", "LastResetTime": "2026-01-01T11:00:00Z"}, False),
        ({"DateTime": "2026-01-01T12:00:00Z", "LastResetTime": None}, False),
        ({"DateTime": "2026-01-01T12:00:00Z"}, False),
        ({"DateTime": [], "LastResetTime": {}}, False),
        ([], False),
    ],
)
async def test_a_bmc_s_own_uptime_shows_that_it_has_not_just_restarted(manager: Any, settled: bool) -> None:
    async with serving(Service(n1="Off")) as service:
        service.instead["/Systems/n1"] = web.json_response({"PowerState": "Off", **MANAGER})
        service.instead["/Managers/1"] = web.json_response(manager)
        reading = await read(service)
    assert reading.power is Power.OFF
    assert (reading.uptime is not None and reading.uptime.settled) is settled


@pytest.mark.parametrize("links", [None, [], {}, {"ManagedBy": None}, {"ManagedBy": []}, {"ManagedBy": [1]}])
async def test_a_system_without_a_manager_is_off_all_the_same(links: Any) -> None:
    async with serving(Service(n1="Off")) as service:
        service.instead["/Systems/n1"] = web.json_response({"PowerState": "Off", "Links": links})
        reading = await read(service)
    assert (reading.power, reading.uptime) == (Power.OFF, None)


async def test_each_request_about_a_system_carries_the_password_and_no_session_is_opened() -> None:
    async with serving(Service(n1="On")) as service:
        await read(service)
    login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    assert service.asked == dict.fromkeys(("", "/Systems", "/Systems/n1"), f"Basic {login}")


async def test_where_several_systems_are_one_must_be_named() -> None:
    async with serving(Service(n1="On", n2="Off")) as service:
        assert (await read(service, system=f"{ROOT}/Systems/n2")).power is Power.OFF
        reading = await read(service)
    words = f"fence-1: BMC {service.url}: it has 2 systems: name one (`system` or systems_uri)"
    assert reading == Reading(Power.NO_PROOF, words, Lack.FAULT)


async def test_a_bmc_without_systems_proves_nothing() -> None:
    async with serving(Service()) as service:
        assert "has 0 systems" in (await read(service)).evidence


async def test_a_fault_of_the_bmc_is_no_proof_and_shows_no_password() -> None:
    async with serving(Service(n1="Off")) as service:
        reading = await read(service, system=f"{ROOT}/Systems/n9")
    assert reading.power is Power.NO_PROOF
    assert reading.evidence == f"fence-1: BMC {service.url}: HTTP 400 for {ROOT}/Systems/n9: no n9 for ***"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ({"host": "bmc-1"}, "https://bmc-1"),
        ({"host": "bmc-1", "tls": False}, "http://bmc-1"),
        ({"host": "bmc-1", "port": 8443}, "https://bmc-1:8443"),
        ({"host": "10.0.0.1", "port": 8000, "tls": False}, "http://10.0.0.1:8000"),
        ({"host": "fd00::1"}, "https://[fd00::1]"),
        ({"host": "fd00::1", "port": 8443}, "https://[fd00::1]:8443"),
        ({"host": "[fd00::1]", "port": 8443}, "https://[fd00::1]:8443"),
        ({"host": "https://u:p@bmc-1"}, "https://bmc-1"),
        # A whole URL says everything itself, whatever else the address has.
        ({"host": "http://bmc-1:8000/redfish/v1/Systems/1", "port": 1}, "http://bmc-1:8000"),
        ({"host": "https://[fd00::1]:8443/", "tls": False}, "https://[fd00::1]:8443"),
    ],
)
def test_the_servers_url(address: dict[str, Any], url: str) -> None:
    assert base_url(replace(BMC, **address)) == url


async def test_a_password_that_cannot_be_had_asks_no_bmc(tmp_path: Path) -> None:
    async with serving(Service(n1="On")) as service:
        reading = await read(service, secret=InFile(tmp_path / "none"))
    assert reading.power is Power.NO_PROOF
    assert reading.evidence == f"fence-1: {tmp_path}/none cannot be read: No such file or directory"
    assert service.asked == {}

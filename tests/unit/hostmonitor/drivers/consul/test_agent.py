"""How an agent is addressed, and what its refusals are told as."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.drivers.consul.agent import (
    LEADERS,
    Access,
    Address,
    Agent,
    AgentFault,
    Forbidden,
    NoLeader,
    NotTheLeaders,
    NotThere,
    Unreachable,
    parse_address,
)

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.168.101.1:8500", Address("http://192.168.101.1:8500")),
        ("localhost:8500", Address("http://localhost:8500")),
        (" consul.example.org ", Address("http://consul.example.org:8500")),
        ("[fd00::1]:8500", Address("http://[fd00::1]:8500")),
        ("[FD00:0:0::0001]:8500", Address("http://[fd00::1]:8500")),
        ("[fe80::0:1%eth0]:8500", Address("http://[fe80::1%eth0]:8500")),
        ("http://127.0.0.1:8500", Address("http://127.0.0.1:8500")),
        ("https://127.0.0.1:8501/", Address("https://127.0.0.1:8501")),
        ("https://consul.example.org", Address("https://consul.example.org:8501")),
        ("https://[fd00::1]:8501", Address("https://[fd00::1]:8501")),
        ("[fd00::1]", Address("http://[fd00::1]:8500")),
        ("fd00::1:8500", Address("http://[fd00::1]:8500")),
        ("https://fd00::1:8501/", Address("https://[fd00::1]:8501")),
        ("fd00::1:18500", Address("http://[fd00::1]:18500")),
        ("fd00:0:0:0:0:0:0:1:80", Address("http://[fd00::1]:80")),
        ("fe80::1%eth0:8500", Address("http://[fe80::1%eth0]:8500")),
        ("::1", Address("http://[::1]:8500")),
        ("FD00::A", Address("http://[fd00::a]:8500")),
        ("unix:///run/consul/http.sock", Address("http://localhost", "/run/consul/http.sock")),
        ("unix:/run/consul/http.sock", Address("http://localhost", "/run/consul/http.sock")),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert parse_address(str(expected)) == expected


def test_without_a_scheme_the_environment_decides() -> None:
    assert parse_address("consul:8501", secure=True) == Address("https://consul:8501")
    assert parse_address("http://consul:8500", secure=True) == Address("http://consul:8500")


@pytest.mark.parametrize(
    "text",
    ["", ":8500", "fd00::1:99999", "fd00::2:1", "host:port", "host:99999", "ftp://host:21", "unix://relative", "http://h:1/v1",
     "http://user:secret@h:1", "[nonsense]:8500"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_address(text).url.startswith(("http://", "https://"))


@asynccontextmanager
async def served(path: Path, respond: Respond) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield f"unix://{path}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (500, "No cluster leader", NoLeader),
        (503, "", NoLeader),
        (429, "rate limit", NoLeader),
        (403, "ACL not found", Forbidden),
        (401, "", Forbidden),
        (400, "bad request", AgentFault),
        (404, "", AgentFault),
    ],
)
async def test_each_refusal_has_its_kind_and_its_words(
    tmp_path: Path, status: int, text: str, fault: type[AgentFault]
) -> None:
    async def respond(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    async with (
        served(tmp_path / "s", respond) as address,
        Agent(Access(address=parse_address(address))) as agent,
    ):
        with pytest.raises(fault) as caught:
            await agent.get("/v1/catalog/nodes", 5)
        assert str(status) in str(caught.value) and text in str(caught.value)


@pytest.mark.parametrize(
    "says", [{"X-Consul-Knownleader": "false"}, {"X-Consul-Effective-Consistency": "stale"}]
)
async def test_a_servers_own_copy_is_no_answer(tmp_path: Path, says: dict[str, str]) -> None:
    async def respond(request: web.Request) -> web.Response:
        return web.json_response([], headers={"X-Consul-Index": "7", **says})

    async with (
        served(tmp_path / "s", respond) as address,
        Agent(Access(address=parse_address(address))) as agent,
    ):
        with pytest.raises(NotTheLeaders, match="stale read"):
            await agent.get("/v1/catalog/nodes", 5, LEADERS)


async def test_silence_ends_with_the_time_out(tmp_path: Path) -> None:
    async def respond(request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    async with (
        served(tmp_path / "s", respond) as address,
        Agent(Access(address=parse_address(address))) as agent,
    ):
        with pytest.raises(Unreachable, match="no answer"):
            await agent.get("/v1/catalog/nodes", 0.05)


async def test_nobody_there(tmp_path: Path) -> None:
    async with Agent(Access(address=parse_address(f"unix://{tmp_path}/nothing"))) as agent:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await agent.get("/v1/catalog/nodes", 5)


async def test_only_where_nobody_listens_the_agent_is_gone(tmp_path: Path) -> None:
    """A connection that breaks on the way is no proof of that, and no reason to give up what hangs on the agent."""
    async with Agent(Access(address=parse_address(f"unix://{tmp_path}/nothing"))) as agent:
        with pytest.raises(NotThere):
            await agent.get("/", 5.0)
    async with Agent(Access(address=parse_address("127.0.0.1:1"))) as agent:
        with pytest.raises(NotThere):
            await agent.get("/", 5.0)

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with (
        served(tmp_path / "s", hang_up) as address,
        Agent(Access(address=parse_address(address))) as agent,
    ):
        with pytest.raises(Unreachable, match="cannot be reached") as broken:
            await agent.get("/", 5.0)
        assert not isinstance(broken.value, NotThere)


async def test_the_index_comes_with_the_answer(tmp_path: Path) -> None:
    async def respond(request: web.Request) -> web.Response:
        return web.json_response({}, headers={"X-Consul-Index": request.query["index"]})

    async with (
        served(tmp_path / "s", respond) as address,
        Agent(Access(address=parse_address(address))) as agent,
    ):
        assert (await agent.get("/v1/catalog/nodes", 5, {"index": 7})).index == 7
        assert (await agent.get("/v1/catalog/nodes", 5, {"index": "soon"})).index == 0


async def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    async def respond(request: web.Request) -> web.Response:
        return web.json_response(request.headers.get("X-Consul-Token"))

    file = tmp_path / "token"
    file.write_text("first\n")
    async with served(tmp_path / "s", respond) as address:
        access = Access(address=parse_address(address), token="unused", token_file=str(file))
        async with Agent(access) as agent:
            assert (await agent.get("/v1/agent/self", 5)).json() == "first"
            file.write_text("second\n")
            os.utime(file, ns=(1, 1))
            assert (await agent.get("/v1/agent/self", 5)).json() == "second"
            file.unlink()
            with pytest.raises(Forbidden, match="token"):
                await agent.get("/v1/agent/self", 5)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"AccessorID: secret-a\nSecretID: secret-b\n", "2 lines"),
        (b"secret-\x01", "control characters"),
        (b"\xff\xfesecret-\x00", "no text"),
    ],
)
async def test_a_token_file_that_holds_no_token_is_told_as_such(
    tmp_path: Path, content: bytes, why: str
) -> None:
    """In mid-run, too: sight is lost with words that do not show what stands in it, and comes back."""

    async def respond(_: web.Request) -> web.Response:
        return web.json_response({})

    file = tmp_path / "token"
    file.write_bytes(content)
    async with (
        served(tmp_path / "s", respond) as address,
        Agent(Access(address=parse_address(address), token_file=str(file))) as agent,
    ):
        with pytest.raises(Forbidden, match=why) as caught:
            await agent.get("/v1/agent/self", 5)
        assert "secret-" not in str(caught.value)
        assert str(file) in str(caught.value)
        file.write_text("token\n")
        os.utime(file, ns=(1, 1))
        await agent.get("/v1/agent/self", 5)


async def test_no_token_no_header(tmp_path: Path) -> None:
    async def respond(request: web.Request) -> web.Response:
        return web.json_response("X-Consul-Token" in request.headers)

    async with served(tmp_path / "s", respond) as address:
        async with Agent(Access(address=parse_address(address))) as agent:
            assert (await agent.get("/v1/agent/self", 5)).json() is False
        async with Agent(Access(address=parse_address(address), token="t")) as agent:
            assert (await agent.get("/v1/agent/self", 5)).json() is True


async def test_tls_files_that_cannot_be_used_are_named() -> None:
    access = Access(address=parse_address("https://127.0.0.1:1"), cafile="/nonexistent/ca.pem")
    async with Agent(access) as agent:
        with pytest.raises(Unreachable, match="TLS files"):
            await agent.get("/v1/agent/self", 5)

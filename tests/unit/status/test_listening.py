"""Where somebody is answered over HTTP."""

from pathlib import Path

import aiohttp
import pytest

from masakarimonitors.status import listening
from masakarimonitors.system.network.h11_server import Answer, Request, in_words


async def hello(request: Request) -> Answer:
    return in_words(200, "hello")


async def test_a_port_is_named_as_a_browser_wants_it() -> None:
    async with (
        listening.at(
            "127.0.0.1:0", {"/": hello}, names=(), option="[x] names", limits=listening.LIMITS
        ) as url,
        aiohttp.ClientSession(url) as client,
        client.get("/") as answer,
    ):
        assert url.startswith("http://127.0.0.1:") and await answer.text() == "hello\n"


async def test_a_path_is_there_for_as_long_as_it_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with listening.at(
        f"unix://{path}", {"/": hello}, names=(), option="[x] names", limits=listening.LIMITS
    ) as where:
        assert where == f"unix://{path}" and path.is_socket()
    assert not path.exists()


async def test_a_taken_address_is_an_error() -> None:
    async with listening.at(
        "127.0.0.1:0", {"/": hello}, names=(), option="[x] names", limits=listening.LIMITS
    ) as url:
        with pytest.raises(OSError):
            async with listening.at(
                url.removeprefix("http://").strip("/"),
                {"/": hello},
                names=(),
                option="[x] names",
                limits=listening.LIMITS,
            ):
                pass

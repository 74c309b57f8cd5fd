"""The page over HTTP: whole at first, then what changes."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from masakarimonitors.status import listening
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.threads import NoThread
from masakarimonitors.web import site as site_module
from masakarimonitors.web.site import Explanation, Site, Sources
from masakarimonitors.web.watching import Watch
from tests.fixtures.waiting import PATIENCE, eventually
from tests.unit.web.rig import snapshot, subject


class Host:
    """A host with one monitor, and its page."""

    def __init__(self, folder: Callable[[], tuple[Path | None, str]] = lambda: (None, "closed")) -> None:
        self.answer = Answer.SAID
        self.shown: dict[str, Any] = {}
        self.watch = Watch(["hostmonitor"], self._ask, SystemClock())
        self.site = Site(
            self.watch,
            SystemClock(),
            host="compute-1",
            monitors=["hostmonitor"],
            sources=Sources(folder=folder, explain=self._explain),
        )
        self.url = ""
        self.go_on: threading.Event | None = None

    def _ask(self, name: str, more: Sequence[str]) -> Found:
        return Found(name, self.answer, snapshot(name, **self.shown), "so")

    def _explain(self, word: str) -> Explanation:
        if self.go_on is not None:
            self.go_on.wait(PATIENCE)
        if word == "broken":
            raise KeyError("a bug")
        if word == "short":
            raise NoThread("no thread can be started")
        return Explanation(first=f"{word} is well.", known=word != "nobody")

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with listening.at(
            "127.0.0.1:0", self.site.routes, names=(), option="[web] names", limits=listening.LIMITS
        ) as self.url:
            running = asyncio.get_running_loop().create_task(self.watch.run(self.site.look))
            try:
                async with aiohttp.ClientSession(self.url) as client:
                    yield client
            finally:
                running.cancel()
                self.watch.close()
                self.site.close()


class Events:
    """A stream, as a browser reads it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._lines = answer.content
        self.id = ""

    async def next(self, kind: str) -> dict[str, Any]:
        """The next of that kind."""
        name, data = "", {}
        async with asyncio.timeout(PATIENCE):
            while line := (await self._lines.readline()).decode():
                word, _, value = line.rstrip("\n").partition(": ")
                match word:
                    case "id":
                        self.id = value
                    case "event":
                        name = value
                    case "data":
                        data = json.loads(value)
                    case "" if name == kind:
                        return data
        raise AssertionError(f"no {kind}")


async def page(client: aiohttp.ClientSession) -> tuple[str, str]:
    """The page, and up to where it has been told."""
    async with client.get("/") as answer:
        assert answer.status == 200 and "script-src 'self'" in answer.headers["Content-Security-Policy"]
        text = await answer.text()
    return text, text.partition('data-since="')[2].partition('"')[0]


async def test_what_changes_is_told_and_nothing_else() -> None:
    host = Host()
    async with host.at_work() as client:
        text, since = await page(client)
        assert "<h1>compute-1</h1>" in text and "All monitors that run here are well" in text
        async with client.get("/events", params={"since": since}) as answer:
            events = Events(answer)
            await events.next("beat")
            host.shown = {"subjects": [subject("host:a", "failing", alarm=True)]}
            host.watch.wake.set()
            told = await events.next("change")
            boxes = [entry[1] for entry in told["entries"]]
            assert "attention" in boxes and "sources" not in boxes
            host.answer = Answer.DEAD
            host.watch.wake.set()
            told = await events.next("change")
            assert any(entry[1:2] == ["wrong"] for entry in told["entries"])
            assert any(len(entry) == 1 for entry in told["entries"]), "what was seen of it is seen no more"
        # Whoever was away for a while hears what he has missed, by the number of what he saw last.
        async with client.get("/events?since=x", headers={"Last-Event-ID": since}) as answer:
            told = await Events(answer).next("change")
            assert any(entry[1:2] == ["wrong"] for entry in told["entries"])
        await eventually(lambda: host.watch.eyes == 0, "nobody looks any more")


@pytest.mark.parametrize("since", ["", "x", "ffffffffffff.1", "1", "ffffffffffff.-1", "x." + "9" * 5000])
async def test_a_page_of_another_life_is_to_be_loaded_anew(since: str) -> None:
    host = Host()
    async with host.at_work() as client, client.get("/events", params={"since": since}) as answer:
        assert await Events(answer).next("anew") == {}


async def test_so_many_are_kept_up_to_date_and_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "EYES", 1)
    host = Host()
    async with host.at_work() as client:
        _, since = await page(client)
        async with client.get("/events", params={"since": since}) as answer:
            await Events(answer).next("beat")
            async with client.get("/events", params={"since": since}) as refused:
                assert refused.status == 503 and "Come again" in await refused.text()


async def test_the_past_that_cannot_be_read_is_said_on_the_page() -> None:
    host = Host()
    async with host.at_work() as client:
        assert '<li id="fault-0" data-key="000000">closed</li>' in (await page(client))[0]


async def test_everything_for_programs() -> None:
    host = Host()
    async with host.at_work() as client, client.get("/status.json") as answer:
        told = await answer.json()
    assert told["host"] == "compute-1"
    assert (told["monitors"][0]["life"], told["monitors"][0]["shown"]["health"]) == ("runs", "ok")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_what_the_page_loads_is_there(path: str, kind: str) -> None:
    async with Host().at_work() as client, client.get(f"/{path}") as answer:
        assert (answer.status, answer.content_type) == (200, kind)


@pytest.mark.parametrize(
    ("what", "status", "words"),
    [
        ("host:a", 200, "host:a is well."),
        ("nobody", 404, "nobody is well."),
        ("<b>", 200, "&lt;b&gt; is well."),
        ("", 400, "Name what is to be explained"),
        ("broken", 500, "A fault of this program"),
        ("short", 503, "no thread can be started"),
    ],
)
async def test_a_subject_is_explained(what: str, status: int, words: str) -> None:
    async with Host().at_work() as client, client.get("/explain", params={"what": what}) as answer:
        assert answer.status == status and words in await answer.text()


async def test_so_many_are_explained_at_a_time_and_others_are_told() -> None:
    host = Host()
    go_on = host.go_on = threading.Event()
    async with host.at_work() as client:

        async def ask() -> int:
            async with client.get("/explain", params={"what": "host:a"}) as answer:
                return answer.status

        tasks = [asyncio.get_running_loop().create_task(ask()) for _ in range(site_module.EXPLAINED + 1)]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
        assert [one.result() for one in done] == [503] and len(rest) == site_module.EXPLAINED
        go_on.set()
        assert set(await asyncio.gather(*rest)) == {200}
        assert await ask() == 200


async def test_a_fault_in_reading_the_past_is_said_on_the_page() -> None:
    def broken() -> tuple[Path | None, str]:
        raise KeyError("a bug")

    async with Host(broken).at_work() as client:
        assert "a fault of this program" in (await page(client))[0]

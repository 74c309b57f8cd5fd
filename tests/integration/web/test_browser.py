"""The page in a real browser: it follows real monitors, is honest when nobody speaks to it, and is for everybody."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.status import listening
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.web.lives import Expected
from masakarimonitors.web.site import Explanation, Site, Sources
from masakarimonitors.web.watching import Watch
from tests.fixtures.fake_masakari import FakeMasakari
from tests.integration.web.browser import AXE, Page, needed, running
from tests.integration.web.rig import GUESTS, PROCESS, Rig
from tests.unit.web.rig import NAMES, grid, snapshot, subject


@pytest.fixture(autouse=True)
def chromium() -> None:
    needed()


async def test_the_page_follows_the_monitors_and_says_when_it_is_stale(tmp_path: Path) -> None:
    with FakeMasakari(["compute-1"]) as masakari, Rig(tmp_path, masakari).at_work() as rig:
        await asyncio.to_thread(rig.monitor.until_shown, f"process:{rig.program}", "running")
        url = await asyncio.to_thread(lambda: rig.web.url)
        async with running(tmp_path) as browser:
            page = await browser.page()
            await page.open(url)
            await page.until_text(f"#m-{PROCESS}", "ok")
            await page.until_text(f"#m-{GUESTS}", "blind")
            assert await page.text("h1") == "compute-1"
            rig.fail()
            await page.until_text("#attention", f"process:{rig.program}")
            await page.until_text("#verdicts", "reported")
            await page.until_text("#reports", "delivered")
            rig.monitor.signal(signal.SIGKILL)
            await page.until_text("#wrong", "dead")
            await page.until_text("#headline", "blind")
            rig.monitor.start()
            await page.until_text(f"#m-{PROCESS}", "runs since")
            assert page.complaints == []
            assert {one.split("/")[2] for one in page.asked} == {url.split("/")[2]}, "nothing from elsewhere"

            # The server of the page ends: it says so, and since when, and comes back by itself.
            await page.eval("document.getElementById('filter').value = 'process'")
            await page.eval("document.getElementById('filter').dispatchEvent(new Event('input'))")
            heard = await page.text("#at")
            life = (await page.eval("document.documentElement.dataset.since")).partition(".")[0]
            rig.web.signal(signal.SIGKILL)
            await page.until("!document.getElementById('stale').hidden", "it is stale")
            said = await page.text("#stale")
            assert "Stale since 20" in said and said.split("Stale since ")[1][:10] == heard[:10]
            assert (await page.eval("document.title")).startswith("stale, ")
            rig.web.configure(rig.sections | {"web": {"listen": url.split("/")[2]}})
            rig.web.start()
            await page.until(
                f"!document.documentElement.dataset.since.startsWith('{life}.')"
                " && document.getElementById('stale').hidden"
                " && document.getElementById('filter').value === 'process'",
                "it is of the new server, and shows what was looked for",
            )

            # A tab that was asleep for a day: what it shows is of yesterday until it has heard something new.
            title = await page.eval(
                "(() => { const now = Date.now; Date.now = () => now() + 24 * 3600 * 1000;"
                " document.dispatchEvent(new Event('visibilitychange')); return document.title; })()"
            )
            assert title.startswith("stale, ")
            await page.until("!document.title.startsWith('stale, ')", "it has heard something new")
            # Nor does it take for new what it has shown for a minute because the clock was set back meanwhile.
            title = await page.eval(
                "(() => { const now = Date.now, passed = performance.now.bind(performance);"
                " Date.now = () => now() - 48 * 3600 * 1000; performance.now = () => passed() + 60000;"
                " document.dispatchEvent(new Event('visibilitychange')); return document.title; })()"
            )
            assert title.startswith("stale, ")
            await page.until("!document.title.startsWith('stale, ')", "it has heard something new again")


class Busy:
    """A host with a thousand others on three links, three hundred processes, and much that is wrong."""

    def __init__(self) -> None:
        hosts = [
            subject(f"host:node{number:04}", "failed, reported", alarm=True, held="storm")
            for number in range(40)
        ]
        causes = [
            {
                "level": "blind",
                "kind": "blind",
                "subject": "link:storage",
                "seen": "no leader",
                "means": "Mend it.",
            },
            {
                "level": "degraded",
                "kind": "held",
                "subject": "storm",
                "seen": "40 hosts",
                "means": "See there.",
            },
        ]
        processes = [
            subject(f"process:/usr/bin/service-{number}", "running", alarm=number < 3)
            for number in range(300)
        ]
        self.shown: dict[str, dict[str, Any]] = {
            "hostmonitor": {
                "grid": grid(1000, down=40),
                "subjects": hosts,
                "health": "blind",
                "causes": causes,
                "views": [
                    {
                        "name": "link:storage",
                        "view": "blind",
                        "since": "2026-11-22T02:10:00+00:00",
                        "why": "x",
                    }
                ],
                "verdicts": [
                    {
                        "at": f"2026-11-22T02:10:{number:02}+00:00",
                        "subject": f"host:node{number:04}",
                        "ruling": "held",
                        "why": "a storm",
                        "evidence": "down on tenant",
                        "alarm": True,
                    }
                    for number in range(40)
                ],
            },
            "processmonitor": {"subjects": processes},
        }

    def ask(self, name: str, more: Sequence[str]) -> Found:
        if name == "instancemonitor":
            return Found(name, Answer.DEAD, why="nobody listens")
        if name not in self.shown:
            return Found(name, Answer.NONE)
        return Found(name, Answer.SAID, snapshot(name, **self.shown[name]))

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[str]:
        """Its page."""
        clock = SystemClock()
        watch = Watch(NAMES, self.ask, clock, expected=Expected(["instancemonitor"]))
        explain = Explanation(
            first="node0001 has failed.",
            parts=[("hostmonitor", [("gate", "holds", "storm")])],
            choices=["host:a"],
            remarks=["x"],
        )
        site = Site(
            watch, clock, host="compute-1", monitors=NAMES, sources=Sources(explain=lambda word: explain)
        )
        async with listening.at(
            "127.0.0.1:0", site.routes, names=(), option="[web] names", limits=listening.LIMITS
        ) as url:
            task = asyncio.get_running_loop().create_task(watch.run(site.look))
            yield url
            task.cancel()
            watch.close()
            site.close()


async def fits(page: Page) -> bool:
    """Whether nothing stands out to the right."""
    return bool(await page.eval("document.documentElement.scrollWidth <= window.innerWidth"))


async def test_everybody_can_use_it_on_whatever_they_have(tmp_path: Path) -> None:
    async with Busy().at_work() as url, running(tmp_path) as browser:
        for width, dark in ((1280, False), (390, True)):
            page = await browser.page(width, dark=dark)
            for path in ("", "explain?what=host:node0001"):
                await page.open(url + path)
                assert await fits(page), (width, path)
                if AXE.exists():
                    assert await page.axe() == []
            assert page.complaints == []
        page = await browser.page(390)
        await page.open(url)
        # By keyboard: first of all past what stands on top, then to the filter.
        await page.press("Tab")
        assert await page.eval("document.activeElement.className") == "skip"
        await page.press("Enter")
        assert await page.eval("location.hash") == "#summary"
        height = await page.eval("document.getElementById('headline').getBoundingClientRect().height")
        assert height < 844, "what is wrong fits the screen of a telephone"
        assert await page.eval("document.querySelectorAll('#hosts li').length") == 1000
        assert await page.eval("document.querySelectorAll('#attention li.alarm').length") == 43
        await page.eval("document.getElementById('filter').value = 'NODE0001'")
        await page.eval("document.getElementById('filter').dispatchEvent(new Event('input'))")
        assert await page.eval("document.querySelectorAll('#hosts li:not([hidden])').length") == 1
        assert "alarms are hidden" in await page.text("#found")
        assert await page.eval("location.search") == "?q=NODE0001"


async def test_what_changes_is_put_in_its_place_and_leaves_all_else_alone(tmp_path: Path) -> None:
    busy = Busy()
    async with busy.at_work() as url, running(tmp_path) as browser:
        page = await browser.page()
        await page.open(url)
        await page.until("performance.getEntriesByType('paint').length > 0", "it is painted")
        await page.eval("document.querySelector('#hosts li a').dataset.mine = '1'")
        await page.eval(
            "[...document.querySelectorAll('#hosts a')].find((a) => a.textContent === 'node0500').focus()"
        )
        busy.shown["hostmonitor"]["grid"]["rows"]["host:node0500"] = ["down", "down", "down"]
        del busy.shown["hostmonitor"]["grid"]["rows"]["host:node0501"]
        busy.shown["hostmonitor"]["grid"]["rows"]["host:node0499a"] = ["up", "up", "up"]
        await page.until("document.querySelectorAll('#hosts li.odd').length === 1", "node0500 is odd")
        assert await page.eval("document.querySelector('#hosts li a').dataset.mine") == "1"
        assert await page.eval("document.activeElement.textContent") == "node0500", "who was there still is"
        names = await page.eval("[...document.querySelectorAll('#hosts a')].map((a) => a.textContent)")
        assert names == sorted(names) and names[500] == "node0499a" and "node0501" not in names
        assert page.complaints == []

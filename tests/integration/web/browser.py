"""Debian's headless Chromium, driven by its own protocol: pages are opened, asked and looked at.

In: an address of this computer. Out: what the page shows to whoever looks, what it complains of, and what it asked for.
It reaches nothing but this computer, and ends with the test.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fixtures import lifeline
from tests.fixtures.cache import cache
from tests.fixtures.waiting import PATIENCE, eventually

HERE = cache("chromium")
AXE = HERE / "axe.min.js"


def needed() -> None:
    """Skips the test where tools/setup-chromium.sh could not work."""
    if not (HERE / "ready").exists():
        pytest.skip("no Chromium: tools/setup-chromium.sh could not fetch it here")


class Browser:
    """One that runs; see `running`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def page(self, width: int = 1280, height: int = 900, *, dark: bool = False) -> "Page":
        """A new tab of that size."""
        target = await self.call("Target.createTarget", {"url": "about:blank"})
        attached = await self.call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        page = Page(self, attached["sessionId"])
        self._pages[attached["sessionId"]] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await page.call("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await page.call("Emulation.setEmulatedMedia", {"features": [scheme]})
        return page

    async def call(
        self, method: str, params: dict[str, Any] | None = None, session: str = ""
    ) -> dict[str, Any]:
        """What it answers to that command of its protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        told = {"id": number, "method": method, "params": params or {}}
        await self._socket.send_json(told | ({"sessionId": session} if session else {}))
        async with asyncio.timeout(PATIENCE):
            said = await answer
        assert "error" not in said, (method, said)
        result: dict[str, Any] = said["result"]
        return result

    async def listen(self) -> None:
        """Until cancelled, take what it says."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                waiting = self._answers.pop(said["id"])
                if not waiting.done():
                    waiting.set_result(said)
            elif (page := self._pages.get(said.get("sessionId", ""))) is not None:
                page.heard(said["method"], said["params"])


class Page:
    """One tab: `complaints` are what its console says, `asked` the addresses that it has asked for."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        self.asked: list[str] = []

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """What the tab tells of itself."""
        match method:
            case "Log.entryAdded":
                self.complaints.append(
                    str(params["entry"].get("text")) + " " + str(params["entry"].get("url"))
                )
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Network.requestWillBeSent":
                self.asked.append(str(params["request"]["url"]))

    async def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """A command about this tab."""
        return await self._browser.call(method, params, self._session)

    async def open(self, url: str) -> None:
        """Go there, and wait until its script runs."""
        await self.call("Page.navigate", {"url": url})
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'", url)

    async def eval(self, script: str) -> Any:
        """What this script gives."""
        told = await self.call(
            "Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True}
        )
        assert "exceptionDetails" not in told, (script[:200], told)
        return told["result"].get("value")

    async def until(self, script: str, what: str) -> None:
        """Wait until this script gives something true; a page may be loaded anew meanwhile."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(AssertionError):
                if await self.eval(script):
                    return
            await asyncio.sleep(0.02)
        raise AssertionError(f"not {what}; the page shows:\n{await self.text()}")

    async def text(self, selector: str = "body") -> str:
        """The text that is seen there."""
        return str(await self.eval(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def until_text(self, selector: str, words: str) -> None:
        """Wait until these words are seen there."""
        where, wanted = json.dumps(selector), json.dumps(words)
        await self.until(
            f"document.querySelector({where}).innerText.includes({wanted})", f"{selector}: {words}"
        )

    async def press(self, key: str) -> None:
        """One key of the keyboard."""
        for kind in ("keyDown", "keyUp"):
            code = {"Tab": 9, "Enter": 13}.get(key, 0)
            await self.call(
                "Input.dispatchKeyEvent",
                {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
                | ({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
            )

    async def picture(self) -> bytes:
        """What is seen of it, as a PNG."""
        told = await self.call("Page.captureScreenshot", {"format": "png"})
        return base64.b64decode(told["data"])

    async def axe(self) -> list[str]:
        """What axe-core finds that keeps somebody from using the page."""
        await self.eval(AXE.read_text() + ";0")
        found = await self.eval("axe.run().then((told) => told.violations)")
        return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:300]}" for one in found]


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Browser]:
    """A browser with a profile in that folder."""
    fonts = folder / "fonts.conf"
    fonts.write_text(
        f"<fontconfig><dir>{HERE}/root/usr/share/fonts</dir><cachedir>{folder}/fonts</cachedir></fontconfig>"
    )
    profile = folder / "profile"
    process = lifeline.spawn(
        [
            HERE / "root/usr/lib/chromium/chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-extensions",
            "--disable-sync",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
        ],
        log=folder / "chromium.log",
        env={
            **os.environ,
            "HOME": str(folder),
            "LD_LIBRARY_PATH": ":".join((HERE / "libraries").read_text().split()),
            "FONTCONFIG_FILE": str(fonts),
        },
    )
    try:
        port = profile / "DevToolsActivePort"
        await eventually(
            lambda: port.exists() and len(port.read_text().split()) == 2,
            lambda: f"Chromium listens\n{(folder / 'chromium.log').read_text()}",
        )
        number, path = port.read_text().split()
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"ws://127.0.0.1:{number}{path}", max_msg_size=0) as socket,
        ):
            browser = Browser(socket)
            listening = asyncio.get_running_loop().create_task(browser.listen())
            try:
                yield browser
            finally:
                listening.cancel()
    finally:
        lifeline.end(process)

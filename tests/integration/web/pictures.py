"""The pictures of README and documentation, in docs/_static: tools/pictures.sh runs this.

Real ones, of real monitors on this computer: a service that failed and was reported, and guests that cannot be seen.
What `masakari-monitors status` shows in a terminal is drawn by rich, the page by a browser.
"""

import asyncio
import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.keeper import keep
from tests.fixtures.monitor_process import BIN
from tests.integration.web.browser import needed, running
from tests.integration.web.rig import Rig

FOLDER = Path(__file__).parents[3] / "docs" / "_static"
COLUMNS, ROWS = 132, 40
WIDTH, HEIGHT = 1200, 900


def in_terminal(argv: list[str], environment: dict[str, str]) -> str:
    """What a program writes to a terminal, colours and all."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (ROWS, COLUMNS))
    environment = {**environment, "TERM": "xterm-256color"}
    with subprocess.Popen(
        argv, stdin=its, stdout=its, stderr=its, env=environment, close_fds=True
    ) as process:
        os.close(its)
        said = b""
        # A terminal whose last program has ended gives an error instead of an end.
        with contextlib.suppress(OSError):
            while more := os.read(ours, 65536):
                said += more
        process.wait()
    os.close(ours)
    return said.decode()


def drawn(title: str, said: str) -> str:
    """An SVG of it, that asks nobody for its letters."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(said.replace("\r\n", "\n").rstrip()))
    svg = console.export_svg(title=title, unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


async def main() -> None:
    needed()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, FakeMasakari(["compute-1"]) as masakari:
        path = Path(folder)
        with Rig(path, masakari).at_work() as rig:
            await asyncio.to_thread(rig.monitor.until_shown, f"process:{rig.program}", "running")
            url = await asyncio.to_thread(lambda: rig.web.url)
            async with running(path) as browser:
                page = await browser.page(WIDTH, HEIGHT)
                await page.open(url)
                rig.fail()
                await page.until_text("#verdicts", "reported")
                await page.until_text("#reports", "delivered")
                png = await page.picture()
            words = ["status", "--config-file", str(rig.web.conf)]
            said = in_terminal(
                [str(BIN / "masakari-monitors"), *words],
                {**os.environ, "RUNTIME_DIRECTORY": str(rig.web.state)},
            )
    (FOLDER / "page.png").write_bytes(png)
    (FOLDER / "status.svg").write_text(drawn("masakari-monitors status", said).replace(folder, ""))


if __name__ == "__main__":
    keep()
    sys.exit(asyncio.run(main()))

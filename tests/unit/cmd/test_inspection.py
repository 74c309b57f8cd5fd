"""SIGUSR2: everything that somebody needs who asks why nothing happens, and no secret."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from masakarimonitors.cmd import inspection
from masakarimonitors.conf import loader
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.waiting import eventually
from tests.unit.cmd.conftest import Configure
from tests.unit.cmd.test_runner import Serving


async def test_it_tells_of_tasks_boards_and_options(
    configure: Configure, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Serving().at_work(configure()) as serving:
        (one,) = serving.running
        await eventually(lambda: one.status.subjects(), "its subjects")
        caplog.clear()
        os.kill(os.getpid(), signal.SIGUSR2)
        await eventually(lambda: "end of the report" in caplog.messages, "the report")
    text = "\n".join(caplog.messages)
    for words in (
        f"SIGUSR2: report of process {os.getpid()}",
        "threads: ",
        "MainThread: ",
        "Daemon.run at ",
        "processmonitor: up for ",
        "source process list: running",
        f"process:{tmp_path}/never",
        f"outbox {tmp_path}/state/processmonitor.sqlite: ",
        "process.restart_grace",
        "= compute-1",
    ):
        assert words in text


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    file.write_text(
        "[DEFAULT]\nhostname = compute-1\n"
        "[api]\nauth_type = password\nauth_url = http://me:hunter2@127.0.0.1/v3\nusername = x\npassword = hunter2\n"
        "[consul]\ntoken = hunter2\ntoken_manage = hunter2\n"
    )
    conf = loader.load(["--config-file", str(file)], default_config_dirs=[])

    async def lines() -> list[str]:
        return list(inspection.lines(conf, [], SystemClock()))

    text = "\n".join(asyncio.run(lines()))
    assert "api.auth_url" in text and "127.0.0.1/v3" in text and "consul.token " in text
    assert "hunter2" not in text

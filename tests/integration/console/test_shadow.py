"""A real shadow beside others that act: it tells masakari nothing, does nothing, and knows how it agrees with them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.system.clock import SystemClock
from tests.fixtures import lifeline
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import BIN, MonitorProcess
from tests.fixtures.waiting import PATIENCE, until


class Refusing(FakeMasakari):
    """Whoever posts to it is refused, and found out."""

    def take(self, path: str, body: bytes) -> tuple[int, object]:
        super().take(path, body)
        return 500, {"computeFault": {"code": 500, "message": "a shadow has posted"}}


@pytest.fixture
def masakari() -> Iterator[Refusing]:
    with Refusing(["compute-1"]) as fake:
        yield fake


def tool(monitor: MonitorProcess, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [BIN / "masakari-monitors", *words, "--config-file", monitor.conf],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_shadow_acts_on_nothing_and_compares_all_the_same(masakari: Refusing, tmp_path: Path) -> None:
    program, acted = tmp_path / "never", tmp_path / "acted"
    shutil.copy("/usr/bin/sleep", program)
    (tmp_path / "list.yaml").write_text(
        f"- process_name: {program}\n  restart_command: touch {acted}\n  start_command: touch {acted}\n"
    )
    monitor = MonitorProcess(
        "processmonitor",
        tmp_path / "monitor",
        {
            "DEFAULT": {"hostname": "compute-1", "shadow": True},
            "api": {"auth_type": "none", "endpoint": masakari.endpoint()},
            "process": {
                "process_list_path": tmp_path / "list.yaml",
                "own_pid_namespace": True,
                "restart_retries": 1,
                "restart_interval": 0,
                "restart_grace": 0,
                "start_patience": 0,
            },
        },
    )
    real, monitor.state = monitor.state, monitor.state / "shadow"
    service = lifeline.spawn([program, "100000"], log=tmp_path / "sleeper")
    # The others are quicker; so nobody has to wait for the next reading.
    now = SystemClock().now().wall.replace(tzinfo=None)
    masakari.lists.file(
        "compute-1", "PROCESS", {"event": "STOPPED", "process_name": "never"}, now.isoformat()
    )

    def agreement() -> dict[str, int]:
        shown: Any = monitor.status().get("shadow", {"agreement": {}})["agreement"]
        return {state: count for state, count in shown.items() if count}

    monitor.start()
    try:
        until(lambda: agreement() == {"pending": 1}, lambda: f"{agreement()}\n{monitor.described()}")
        lifeline.end(service)
        until(lambda: agreement() == {"both": 1}, lambda: f"{agreement()}\n{monitor.described()}")
        code, said = tool(monitor, "status", "--shadow")
        assert code == 1 and "\tdegraded\t" in said and "it tells masakari nothing and does nothing" in said
        assert "shadow: 0 pending, 1 both, 0 only we, 0 only they" in said
        code, said = tool(monitor, "shadow", "--json")
        assert code == 0 and json.loads(said)["agreement"]["both"] == 1
        (row,) = monitor.reports()
        assert row.status is ReportStatus.WOULD_BE_SENT
    finally:
        monitor.stop()
    code, said = tool(monitor, "shadow")
    assert code == 0 and "1 both" in said, "what was compared outlives it"
    assert masakari.offers == [] and not acted.exists()
    assert [path.name for path in real.iterdir()] == ["shadow"], "nothing of a monitor that acts was touched"

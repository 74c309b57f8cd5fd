"""The night's question put to real monitors: why was it reported, and why not, and what has masakari made of it?"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import lifeline
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import BIN, MonitorProcess
from tests.fixtures.waiting import PATIENCE, until

NOBODY = "127.0.0.1:9"
"""Where nobody listens."""


@pytest.fixture
def masakari() -> Iterator[FakeMasakari]:
    with FakeMasakari(["compute-1"]) as fake:
        yield fake


class Watched:
    """A process monitor with one service on its list, which nothing can bring back once it has died."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder
        self.program = folder / "never"
        # A file of its own: by a link, whatever else on this computer sleeps would be taken for it.
        shutil.copy("/usr/bin/sleep", self.program)
        (folder / "list.yaml").write_text(f"- process_name: {self.program}\n  restart_command: 'false'\n")
        self.monitor = MonitorProcess(
            "processmonitor",
            folder / "monitor",
            {
                "DEFAULT": {"hostname": "compute-1"},
                "api": {"auth_type": "none", "endpoint": endpoint},
                "process": {
                    "process_list_path": folder / "list.yaml",
                    "own_pid_namespace": True,
                    "restart_retries": 0,
                    "restart_interval": 0,
                    "restart_grace": 0,
                },
            },
        )
        self.service: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        self.service = lifeline.spawn([self.program, "100000"], log=self.folder / "sleeper")

    def die(self) -> None:
        assert self.service is not None
        lifeline.end(self.service)

    def explain(self, *words: str) -> tuple[int, str, str]:
        """Exit code, the first line, and all of it."""
        done = subprocess.run(
            [BIN / "masakari-monitors", "explain", *words, "--config-file", self.monitor.conf],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        said = done.stdout + done.stderr
        return done.returncode, said.splitlines()[0] if said else "", said

    def until_first(self, *words: str) -> str:
        """Wait until its first line has all of these words."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [self.explain("process", "never")[1]]
            return all(word in found[0] for word in words)

        until(look, lambda: f"{words} in {found}\n{self.monitor.described()}", every=0.2)
        return found[0]


@pytest.fixture
def watched(tmp_path: Path, masakari: FakeMasakari) -> Iterator[Watched]:
    one = Watched(tmp_path, masakari.endpoint())
    yield one
    one.monitor.stop()
    if one.service is not None:
        lifeline.end(one.service)


def test_a_process_that_died_and_whose_report_was_refused_is_explained_in_the_first_line(
    watched: Watched, masakari: FakeMasakari
) -> None:
    masakari.status = 413
    watched.serve()
    watched.monitor.start().until_shown(f"process:{watched.program}", "running")
    code, first, _ = watched.explain("process", "never")
    assert (code, first) == (0, "never is well: it runs.")
    watched.die()
    line = watched.until_first("masakari has refused its report", "413")
    assert line.endswith("Nobody recovers it.")
    _, _, said = watched.explain("never")
    rows = [row.split("\t") for row in said.splitlines()]
    gates = {row[2].split(";")[0]: row[1] for row in rows if row[0] == "gate"}
    assert gates["all tries have failed"] == "passed" and gates["not refused by masakari"] == "holds"
    past = "\n".join(row[-1] for row in rows if row[0].startswith("20"))
    for words in (
        "the monitor was started",
        "reported:",
        "made",
        "sent to masakari-api",
        "refused after 1 try",
    ):
        assert words in past
    assert past.index("reported:") < past.index("refused after")
    assert "(report 1)" in watched.monitor.text(), "the log names the same report"
    assert watched.explain("report", "1")[1].startswith("Report 1 about process:")
    journal = watched.monitor.state / "processmonitor.journal"
    assert journal.stat().st_mode & 0o777 == 0o600

    # It is killed, and what it knew is still there.
    watched.monitor.signal(signal.SIGKILL)
    code, first, said = watched.explain("process", "never")
    assert code == 0 and "processmonitor is dead" in said
    assert "how " in said and "refused" in said
    # So it is after a restart, before anything new has happened.
    watched.monitor.start()
    until(lambda: watched.monitor.status(), "its status")
    document: dict[str, Any] = json.loads(watched.explain("process", "never", "--json")[2].splitlines()[-1])
    kinds = [one["kind"] for one in document["past"]]
    assert kinds.count("started") == 2 and "stopped" not in kinds


def test_a_report_that_does_not_reach_masakari_says_what_it_waits_for(watched: Watched) -> None:
    watched.monitor.configure(
        {
            "DEFAULT": {"hostname": "compute-1"},
            "api": {"auth_type": "none", "endpoint": f"http://{NOBODY}/v1"},
            "process": {
                "process_list_path": watched.folder / "list.yaml",
                "own_pid_namespace": True,
                "restart_retries": 0,
                "restart_interval": 0,
                "restart_grace": 0,
            },
        }
    )
    watched.monitor.start()
    watched.until_first("masakari does not have its report (report 1) yet", "Connection refused")


def test_a_disk_that_takes_nothing_costs_records_and_no_report(
    watched: Watched, masakari: FakeMasakari
) -> None:
    journal = watched.monitor.state / "processmonitor.journal"
    journal.mkdir(parents=True)
    watched.monitor.start()
    until(lambda: masakari.offers, lambda: f"its report\n{watched.monitor.described()}")
    shown = watched.monitor.status()["journal"]
    assert shown["lost"] > 0 and shown["fault"]
    code, _, said = watched.explain("process", "never")
    assert code == 0 and "records of its journal" in said and "The journal cannot be read" in said


def test_nobody_ever_ran_here(watched: Watched) -> None:
    code, first, _ = watched.explain("process", "never")
    assert code == 3 and first.startswith("Nothing is known of never")
    assert not watched.monitor.state.exists() or os.listdir(watched.monitor.state) == []


def test_nobody_knows_of_it(watched: Watched) -> None:
    watched.serve()
    watched.monitor.start().until_shown(f"process:{watched.program}", "running")
    assert watched.explain("host:node05")[0] == 1

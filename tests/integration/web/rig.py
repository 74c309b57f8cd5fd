"""Two real monitors of one host, and `masakari-monitors web` beside them: each a process of its own.

The process monitor is well, as what it watches runs. The introspective monitor is blind: its libvirt is not there.
"""

import contextlib
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fixtures import lifeline
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import BIN, MonitorProcess
from tests.fixtures.waiting import PATIENCE, until

PROCESS, GUESTS = "processmonitor", "introspectiveinstancemonitor"


class Web(MonitorProcess):
    """`masakari-monitors web`."""

    def argv(self) -> list[str]:
        """The command line, as an operator would type it."""
        return [str(BIN / "masakari-monitors"), "web", "--config-file", str(self.conf)]

    @property
    def url(self) -> str:
        """Where it listens."""
        pattern = r"All monitors of this host at (http://\S+/)\. "
        self.until_said(pattern)
        found = re.findall(pattern, self.text())
        return str(found[-1])

    def get(self, path: str) -> tuple[int, str]:
        """What is answered there."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def until(self, path: str, words: str, *, gone: bool = False) -> str:
        """Wait until what is answered there has these words, or has them no more; all of it."""
        said = ""

        def look() -> bool:
            nonlocal said
            said = self.get(path)[1]
            return (words in said) != gone

        until(look, lambda: f"{path} {'without' if gone else 'with'} {words!r}; it says:\n{said}")
        return said


class Rig:
    """What runs on the host."""

    def __init__(self, folder: Path, masakari: FakeMasakari) -> None:
        """Nothing is started."""
        self._folder = folder
        program = folder / "service"
        shutil.copy("/usr/bin/sleep", program)  # its own: others run sleep, too
        self.program = program
        (folder / "list.yaml").write_text(f"- process_name: {program}\n  restart_command: 'false'\n")
        self.sections = {
            "DEFAULT": {"hostname": "compute-1", "state_path": folder / "state"},
            "api": {"auth_type": "none", "endpoint": masakari.endpoint()},
            "process": {
                "process_list_path": folder / "list.yaml",
                "own_pid_namespace": True,
                "restart_retries": 0,
                "restart_interval": 0,
                "restart_grace": 0,
            },
            "libvirt": {"connection_uri": f"qemu+unix:///system?socket={folder}/absent"},
            "web": {"listen": "127.0.0.1:0"},
        }
        self.service: Any = None
        self.monitor = self._made(MonitorProcess(PROCESS, folder / PROCESS))
        self.blind = self._made(MonitorProcess(GUESTS, folder / GUESTS))
        self.web = self._made(Web("web", folder / "web"))

    def _made(self, process: Any) -> Any:
        process.state = self._folder / "state"
        process._env["RUNTIME_DIRECTORY"] = str(process.state)
        process.configure(self.sections)
        return process

    def serve(self) -> None:
        """What the process monitor watches runs."""
        self.service = lifeline.spawn([self.program, "100000"], log=self._folder / "service.log")

    def fail(self) -> None:
        """It dies."""
        lifeline.end(self.service)

    @contextlib.contextmanager
    def at_work(self) -> Iterator["Rig"]:
        """All of it runs."""
        self.serve()
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: lifeline.end(self.service))
            for one in (self.monitor, self.blind, self.web):
                stack.enter_context(one)
            yield self

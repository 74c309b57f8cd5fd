"""run_as_root for a monitor that is not root: the real helper of oslo.privsep, through a stand-in for sudo.

The monitor runs as nobody. `sudo` is played by a small program that hands its arguments over a socket
to this test, which is root and runs them, as sudo would.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.sources.stat import read_stat
from tests.fixtures import lifeline
from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import eventually
from tests.integration.process.rig import Watching, Zoo, pid_in
from tests.integration.process.test_monitor import SERVICE

pytestmark = [
    pytest.mark.xdist_group("process"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: plays sudo, and becomes another user"),
]

NOBODY = 65534

FAKE_SUDO = """\
#!{python}
import json, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({path!r})
    door.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    sys.exit(int(door.makefile().readline()))
"""

MONITOR = "from masakarimonitors.cmd.monitors import processmonitor; processmonitor()"
HELPER = "from oslo_privsep.daemon import helper_main; helper_main()"


class Sudo:
    """Runs as root what it is handed; `asked` holds the arguments, `processes` what it started."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sudo.sock"
        self.bin = folder / "bin"
        self.bin.mkdir()
        program = self.bin / "sudo"
        program.write_text(FAKE_SUDO.format(python=sys.executable, path=str(self.path)))
        program.chmod(0o755)
        self.asked: list[list[str]] = []
        self.refuses = False

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator["Sudo"]:
        server = await asyncio.start_unix_server(self._serve, self.path)
        self.path.chmod(0o777)
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        argv = json.loads(await reader.readline())
        self.asked.append(argv)
        code = 1
        if not self.refuses:
            assert Path(argv[0]).name == "privsep-helper"
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", HELPER, *argv[1:], cwd=Path(__file__).parents[3]
            )
            code = await process.wait()
        writer.write(b"%d\n" % code)
        await writer.drain()
        writer.close()


def helpers(context: str) -> list[int]:
    """The pids of running helpers whose arguments contain `context`.

    None of their children, which look the same until they execute a command.
    """
    found = [
        pid for pid, argv in command_lines() if b"--privsep_sock_path" in argv and context.encode() in argv
    ]
    return [pid for pid in found if parent_of(pid) not in found]


def parent_of(pid: int) -> int:
    """0 where it has ended."""
    with contextlib.suppress(OSError):
        return read_stat(pid).parent
    return 0


def command_lines() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "cmdline").read_bytes()


@pytest.fixture
async def sudo(tmp_path: Path) -> AsyncIterator[Sudo]:
    async with Sudo(tmp_path).at_work() as playing:
        yield playing
    for pid in helpers(str(tmp_path)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)


@contextlib.asynccontextmanager
async def at_work(
    watching: Watching, sudo: Sudo, before: Callable[[], None] = lambda: None, **process: object
) -> AsyncIterator[int]:
    """The monitor as nobody, with a `sudo` of ours first in its PATH; gives its pid; `before` it is started."""
    async with watching.receiving():
        config = watching.configure(**process)
        logs, zoo = watching.folder / "logs", watching.folder / "zoo"
        logs.mkdir()
        # The list and the configuration stay root's, as what root is to act upon must.
        for path in (logs, watching.process.state, zoo, *zoo.rglob("*")):
            shutil.chown(path, NOBODY, NOBODY)
        before()
        for parent in watching.folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        # It may read what root may read, because the interpreter may stand below root's home; no more.
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        user += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
        argv = [*user, sys.executable, "-c", MONITOR, "--config-file", str(config)]
        argv += ["--log-file", str(logs / "monitor.log")]
        env = {
            **os.environ,
            "PATH": f"{sudo.bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        with lifeline.running(argv, env=env, log=watching.folder / "out") as running:
            yield running.pid


def log(watching: Watching) -> str:
    return "".join(
        path.read_text() for name in ("logs/monitor.log", "out") if (path := watching.folder / name).exists()
    )


def uid_of(pid: int) -> int:
    return os.stat(f"/proc/{pid}").st_uid


async def test_the_helper_is_started_when_first_needed_and_with_what_sudoers_expect(
    zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    script = zoo.script("nova-compute", SERVICE)
    first = zoo.run(script)
    await eventually(lambda: pid_in(Path(f"{script}.pid")), "its pid")
    start = f"sh -c 'id -u > {zoo.folder}/uid; setsid {script} < /dev/null > /dev/null 2>&1 &'"
    watching.list({"process_name": str(script), "restart_command": start, "run_as_root": True})
    async with at_work(watching, sudo) as pid:
        await eventually(lambda: f"process {script}" in log(watching), "the monitor")
        assert uid_of(pid) == NOBODY
        assert sudo.asked == [] and helpers(str(watching.folder)) == []
        zoo.kill(first)
        await eventually(lambda: "runs again" in log(watching), "its recovery")
        assert len(helpers(str(watching.folder))) == 1
    (asked,) = sudo.asked
    assert asked[:-1] == [
        str(Path(sys.executable).parent / "privsep-helper"),  # in an environment that sudo does not search
        "--config-file",
        str(watching.process.conf),
        "--privsep_context",
        "masakarimonitors.privsep.monitors_priv",
        "--privsep_sock_path",
    ]
    assert (zoo.folder / "uid").read_text() == "0\n"
    await eventually(
        lambda: alive(pid_in(Path(f"{script}.pid"))), "the pid of the service that was started again"
    )
    assert watching.accepted == []
    await eventually(lambda: helpers(str(watching.folder)) == [], "the helper to end with the monitor")


async def test_without_run_as_root_commands_run_as_the_monitor_does(
    zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    name = zoo.folder / "nova-compute"
    watching.list({"process_name": str(name), "restart_command": f"sh -c 'id -u > {zoo.folder}/uid; exit 1'"})
    async with at_work(watching, sudo):
        await watching.reported(1)
    assert (zoo.folder / "uid").read_text() == f"{NOBODY}\n"
    assert sudo.asked == []


async def test_a_hung_command_of_root_is_killed_with_its_children(
    zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    name = zoo.folder / "nova-compute"
    drop = f"setpriv --reuid={NOBODY} --clear-groups sleep 1001"
    hung = f"sh -c 'sleep 1001 & echo $! > {zoo.folder}/child; {drop} & echo $! > {zoo.folder}/other; wait'"
    watching.list({"process_name": str(name), "restart_command": hung, "run_as_root": True})
    async with at_work(watching, sudo, restart_retries=0, command_timeout=2):
        await watching.reported(1)
        for file in ("child", "other"):
            # Of a try that was slow to begin there is none; then of a later one.
            child = await eventually(lambda file=file: pid_in(zoo.folder / file), f"the {file} of a try")  # type: ignore[misc]
            await eventually(lambda child=child: not alive(child), f"the {file} to be killed")  # type: ignore[misc]
        await eventually(lambda: "killed with its children" in log(watching), "that it is told")


async def test_when_sudo_refuses_the_process_is_reported_and_the_log_says_why(
    zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    sudo.refuses = True
    name = zoo.folder / "nova-compute"
    watching.list({"process_name": str(name), "restart_command": "true", "run_as_root": True})
    async with at_work(watching, sudo):
        await watching.reported(1)
    assert "check [masakarimonitors_privileged] helper_command and the sudoers rule" in log(watching)


@pytest.mark.parametrize("asked", [False, True], ids=["at rest", "while it is asked"])
async def test_a_helper_that_was_killed_is_started_again(
    asked: bool, zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    """One that is killed before it has read what it is asked resets the connection instead of closing it."""
    name, tries = zoo.folder / "nova-compute", zoo.folder / "tries"
    command = f"sh -c 'echo x >> {tries}; exit 1'"
    watching.list({"process_name": str(name), "restart_command": command, "run_as_root": True})
    # More tries than it takes to look.
    async with at_work(watching, sudo, restart_retries=1000, command_timeout=5):
        await eventually(lambda: helpers(str(watching.folder)), "the helper")
        await eventually(lambda: tries.exists(), "a try")
        (helper,) = helpers(str(watching.folder))
        if asked:
            os.kill(helper, signal.SIGSTOP)
            begun = log(watching).count(" begins ")
            await eventually(lambda: log(watching).count(" begins ") > begun, "the next to be asked for")
        os.kill(helper, signal.SIGKILL)
        before = len(tries.read_text().splitlines())
        await eventually(lambda: len(tries.read_text().splitlines()) > before, "another try")
    assert len(sudo.asked) == 2


@pytest.mark.parametrize("whose", ["its list", "its configuration"])
async def test_what_the_monitors_user_could_have_written_root_does_not_run(
    whose: str, zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    name, ran = zoo.folder / "nova-compute", zoo.folder / "ran"
    watching.list({"process_name": str(name), "restart_command": f"touch {ran}", "run_as_root": True})

    def give_away() -> None:
        path = watching.list_path if whose == "its list" else watching.process.conf
        shutil.chown(path, NOBODY)

    async with at_work(watching, sudo, before=give_away):
        await watching.reported(1)
    assert not ran.exists()
    assert "No command will be run as root" in log(watching), "it is said before anything has died"
    assert f"belongs to uid {NOBODY}. After a look at it: chown root:root" in log(watching)


async def test_a_command_of_root_goes_on_when_the_monitor_stops(
    zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    name = zoo.folder / "nova-compute"
    waits = f"while ! test -e {zoo.folder}/go; do sleep 0.05; done"
    script = f"echo $$ > {zoo.folder}/pid; {waits}; id -u > {zoo.folder}/uid"
    watching.list({"process_name": str(name), "restart_command": f"sh -c '{script}'", "run_as_root": True})
    async with at_work(watching, sudo) as pid:
        await eventually(lambda: pid_in(zoo.folder / "pid"), "the command")
        await eventually(lambda: "running its restart_command" in log(watching), "that the monitor knows it")
        os.kill(pid, signal.SIGTERM)
        await eventually(lambda: not alive(pid), "the end of the monitor")
        await eventually(lambda: helpers(str(watching.folder)) == [], "the end of its helper")
        command = pid_in(zoo.folder / "pid")
        assert alive(command)
        (zoo.folder / "go").touch()
        await eventually(lambda: not alive(command), "its end")
    assert (zoo.folder / "uid").read_text() == "0\n"
    assert "goes on without this monitor" in log(watching)


async def test_the_service_of_a_command_of_root_that_hangs_is_left_running(
    zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    """It would be killed with the command, since nothing has made a daemon of it."""
    script = zoo.script("nova-compute", SERVICE)
    hung = f"sh -c '{script} & sleep 1001'"
    watching.list({"process_name": str(script), "restart_command": hung, "run_as_root": True})
    # More tries than it takes the service to appear within the time of a command.
    async with at_work(watching, sudo, restart_retries=1000, command_timeout=3):
        await eventually(lambda: "was left running" in log(watching), "the end of the command")
        await eventually(lambda: "runs again" in log(watching), "its recovery")
        assert alive(pid_in(Path(f"{script}.pid")))
    assert watching.accepted == []


async def test_a_slip_in_roots_list_is_no_failed_try_of_a_service_and_is_over_with_the_next_save(
    zoo: Zoo, watching: Watching, sudo: Sudo
) -> None:
    script = zoo.script("nova-compute", SERVICE)
    first = zoo.run(script)
    await eventually(lambda: pid_in(Path(f"{script}.pid")), "its pid")
    start = f"sh -c 'setsid {script} < /dev/null > /dev/null 2>&1 &'"
    watching.list({"process_name": str(script), "restart_command": start, "run_as_root": True})
    good = watching.list_path.read_text()
    # Every refusal would be the last try.
    async with at_work(watching, sudo, restart_retries=0):
        await eventually(lambda: f"process {script}" in log(watching), "the monitor")
        zoo.kill(first)
        await eventually(lambda: "has recovered" in log(watching), "that it is known to run")
        watching.list_path.write_text(f"{good}- process_name: [\n")
        os.kill(pid_in(Path(f"{script}.pid")), signal.SIGKILL)
        await eventually(lambda: log(watching).count("no try is counted") >= 3, lambda: log(watching))
        assert "cannot be used, because of its line" in log(watching)
        watching.list_path.write_text(good)
        await eventually(lambda: log(watching).count("has recovered") == 2, lambda: log(watching))
    assert watching.accepted == []

"""Every exit code: each command is brought to each end that the table knows, and ends with that code and no other."""

import ast
import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from masakarimonitors.cmd import masakari_monitors, runner, starting, wiring
from masakarimonitors.cmd.console import ending, exits
from masakarimonitors.cmd.console.exits import COMMANDS, STAY, UPGRADE, Exit, broken_configuration, of
from masakarimonitors.cmd.subcommands import upgrade
from masakarimonitors.conf import loader, log
from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.core.explained import Explained, Standing
from masakarimonitors.core.finding import fault, ok, warning
from masakarimonitors.core.notification import HostEvent, ProcessNotification, to_wire
from masakarimonitors.core.silences.silence import as_json
from masakarimonitors.core.silences.wish import Answer as Wished
from masakarimonitors.core.silences.wish import Wish
from masakarimonitors.outbox import control
from masakarimonitors.outbox.by_hand import Asked, Done
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.status import unix_socket
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.processes import limits
from masakarimonitors.system.service import loop_watch
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.silences import silence
from tests.unit.cmd.conftest import Configure
from tests.unit.cmd.subcommands import test_explain, test_outbox, test_shadow, test_status
from tests.unit.cmd.subcommands.services.test_pacemaker_alert import written
from tests.unit.cmd.subcommands.test_replay import night

NAME = "processmonitor"
PLAIN: dict[str, Sequence[str]] = {
    "outbox show": ["1"],
    "outbox retry": ["1"],
    "outbox drop": ["1", "--yes"],
    "explain": ["process:x"],
    "simulate": ["host:node02", "--hosts", "node02"],
    "replay": ["--live"],
    "silence add": ["process:x", "--for", "1h", "--reason", "x"],
    "silence end": ["s1"],
    "notify": ["--test"],
    "pacemaker-alert": ["install"],
}
"""What has to be typed, too."""


class World:
    """One computer, its configuration, and who runs there."""

    def __init__(self, folder: Path, configure: Configure, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.configure, self.patch = folder, configure, patch
        self.state = folder / "state"
        self.stack = contextlib.ExitStack()

    def at_work(self, *places: contextlib.AbstractAsyncContextManager[object]) -> None:
        """They are there until the end, in a thread of their own: the command has this one to itself."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        self.stack.callback(loop.close)
        self.stack.callback(thread.join)
        self.stack.callback(loop.call_soon_threadsafe, loop.stop)

        def wait(doing: Coroutine[Any, Any, object]) -> None:
            asyncio.run_coroutine_threadsafe(doing, loop).result()

        for place in places:
            wait(place.__aenter__())
            self.stack.callback(lambda one=place: wait(one.__aexit__(None, None, None)))  # type: ignore[misc]

    def shown(self, status: MonitorStatus) -> None:
        """That monitor runs and may be asked."""
        path = self.state / f"{status.record.monitor}.sock"
        self.at_work(unix_socket.serve(status, FakeClock(), path))

    def takes(self, done: bool) -> None:
        """The process monitor takes what a person wants, and does it or not."""

        async def do(asked: Asked) -> Done:
            return Done(done, "so it is")

        async def wish(asked: Wish) -> Wished:
            return Wished(done, "so it is", "s1" if done else "")

        self.at_work(control.serve(do, FakeClock(), self.state / f"{NAME}.control", wish))

    def hangs(self, name: str) -> None:
        """Somebody holds that socket and never answers."""
        self.patch.setattr(unix_socket, "PATIENCE", 0.1)
        hung = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        hung.bind(str(self.state / name))
        hung.listen(1)

    def ends(self, command: str, words: Sequence[str] = ()) -> Exit:
        """With what it really ends."""
        argv = [*words, "--config-file", str(self.folder / "monitors.conf")]
        if command == UPGRADE:
            return upgrade.ended([*argv[len(words) :], "upgrade", "check", *words])
        if command.startswith("masakari-"):
            return runner.ended(command.removeprefix("masakari-"), argv)
        return masakari_monitors.ended([*command.split(), *argv])


@pytest.fixture
def world(tmp_path: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(log, "set_up", lambda conf: None)
    monkeypatch.setattr(limits, "raise_descriptors", lambda: None)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    configure()
    one = World(tmp_path, configure, monkeypatch)
    with one.stack:
        yield one


Scene = Callable[[World, pytest.FixtureRequest], Sequence[str]]
SCENES: dict[tuple[str, Exit], Scene] = {}


def scene(code: Exit, *commands: str) -> Callable[[Scene], Scene]:
    """It sets the stage for each of these commands to end so, and tells what is typed behind it."""

    def keep(one: Scene) -> Scene:
        for command in commands:
            assert code in of(command), (command, code)
            SCENES[command, code] = one
        return one

    return keep


# -- what every command has ------------------------------------------------------------------------


def raising(world: World, raised: BaseException) -> None:
    def load(*args: object, **more: object) -> None:
        raise raised

    world.patch.setattr(loader, "load", load)


def typed_wrong(world: World, command: str) -> Sequence[str]:
    return [*PLAIN.get(command, ()), "--nonsense"]


def surprise(world: World, command: str) -> Sequence[str]:
    raising(world, RuntimeError("a surprise"))
    return PLAIN.get(command, ())


def ctrl_c(world: World, command: str) -> Sequence[str]:
    raising(world, KeyboardInterrupt())
    return PLAIN.get(command, ())


COMMON = {
    Exit.WRONG_WORDS: typed_wrong,
    Exit.FAULT: surprise,
    Exit.CTRL_C: ctrl_c,
}


def nobody_reads(world: World) -> None:
    """`| true`, which has gone already."""
    reader, writer = os.pipe()
    os.close(reader)
    world.patch.setattr(sys, "stdout", world.stack.enter_context(closing_quietly(os.fdopen(writer, "w"))))


def full(world: World) -> None:
    """`> file`, on a full disk."""
    world.patch.setattr(sys, "stdout", world.stack.enter_context(closing_quietly(open("/dev/full", "w"))))  # noqa: SIM115


@contextlib.contextmanager
def closing_quietly(stream: Any) -> Iterator[Any]:
    yield stream
    with contextlib.suppress(OSError):
        stream.close()


PAIRS = [pytest.param(command, code, id=f"{command} {code}") for command in COMMANDS for code in of(command)]


@pytest.mark.parametrize(("command", "code"), PAIRS)
def test_it_really_ends_so(command: str, code: Exit, world: World, request: pytest.FixtureRequest) -> None:
    own = SCENES.get((command, code))
    if own is not None:
        words = own(world, request)
    elif code in COMMON:
        words = COMMON[code](world, command)
    else:
        assert code in (Exit.NOBODY_READS, Exit.UNWRITTEN), f"nothing here ends {command} with {code!r}"
        words = SCENES[command, Exit.FINE](world, request)
        (nobody_reads if code is Exit.NOBODY_READS else full)(world)
    assert world.ends(command, words) is code


@pytest.mark.parametrize("command", COMMANDS)
def test_a_configuration_that_cannot_be_read_ends_it_in_words(
    command: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    file = world.folder / "monitors.conf"
    file.write_text("[DEFAULT\n")
    assert world.ends(command, PLAIN.get(command, ())) is broken_configuration(command)
    said = capsys.readouterr()
    assert f"{file}, line 1" in (said.err + said.out).replace("\\n", "\n").replace("\n", "")
    assert "Traceback" not in said.err + said.out


def test_a_fault_is_told_also_where_nobody_reads_that(world: World) -> None:
    """`2>&1 | true`."""
    reader, writer = os.pipe()
    os.close(reader)
    with closing_quietly(os.fdopen(writer, "w", buffering=1)) as gone:
        world.patch.setattr(sys, "stderr", gone)
        (world.folder / "monitors.conf").unlink()
        assert world.ends("outbox list") is Exit.AMISS


@pytest.mark.parametrize("words", [("--help",), ("status", "--help"), ("--version",)])
def test_help_that_nobody_reads_any_more_is_no_fault(words: Sequence[str], world: World) -> None:
    assert masakari_monitors.ended(words) is Exit.FINE
    nobody_reads(world)
    assert masakari_monitors.ended(words) is Exit.NOBODY_READS


def test_a_stream_that_was_closed_before_is_no_fault(world: World) -> None:
    """`>&- 2>&-`."""
    world.patch.setattr(sys, "stdout", None)
    world.patch.setattr(sys, "stderr", None)
    ending.stand_in()
    assert world.ends("status") is Exit.NONE_THERE
    sys.stdout.close()
    sys.stderr.close()


def test_what_was_said_is_not_cut_for_a_slow_reader(world: World) -> None:
    """`| less`: more than a pipe takes, read when the command has all but ended."""
    reader, writer = os.pipe()
    rows = [test_outbox.row(number, "x" * 2000) for number in range(1, 60)]
    test_outbox.write(world.state / f"{NAME}.sqlite", rows)
    read: list[str] = []
    with open(reader) as told, closing_quietly(os.fdopen(writer, "w")) as stream:
        world.patch.setattr(sys, "stdout", stream)
        thread = threading.Thread(target=lambda: read.append(told.read()))
        thread.start()
        assert world.ends("outbox list", ["--limit", "59"]) is Exit.FINE
        os.close(stream.fileno())  # as the end of the process does, without a word more
        thread.join()
    assert read[0].count("\n") == 59


# -- the table and the code ------------------------------------------------------------------------

ROOM = Path(masakari_monitors.__file__).parent


def test_the_table_has_each_command_that_there_is() -> None:
    from tests.test_docs import commands_of

    scripts = re.findall(r"^(masakari-\w+monitor) = ", Path("pyproject.toml").read_text(), re.MULTILINE)
    there = {name for name, _ in commands_of(masakari_monitors.parser())}
    assert set(COMMANDS) == there | set(scripts) | {UPGRADE}
    assert {*STAY} <= {*COMMANDS}


def test_no_command_ends_with_a_naked_number() -> None:
    """`Exit` is what mypy lets a command return; and what ends the process takes a member, too."""
    found = []
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            named = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if named in ("sys.exit", "exit", "SystemExit", "os._exit", "leave", "ending.leave"):
                ends = ast.unparse(node.args[0]) if node.args else ""  # type: ignore[attr-defined]
                if not re.match(r"Exit\.|ended\(|code$", ends):
                    found.append(f"{path.name}: {ast.unparse(node)}")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in (
                "run",
                "ended",
                "play",
            ):
                returns = ast.unparse(node.returns) if node.returns else ""
                if returns not in ("Exit", "None"):
                    found.append(f"{path.name}: {node.name} -> {returns}")
    assert found == []


MODULES = {**{name: [module] for name, module in masakari_monitors.COMMANDS.items()}}
ALSO = {"simulate": ["rehearsal/hosts", "rehearsal/instances", "rehearsal/processes", "rehearsal/standing"]}


@pytest.mark.parametrize("word", masakari_monitors.COMMANDS)
def test_each_command_uses_the_codes_of_its_own_that_the_table_has(word: str) -> None:
    paths = [f"subcommands/{masakari_monitors.COMMANDS[word].replace('.', '/')}", *ALSO.get(word, ())]
    text = "".join((ROOM / f"{path}.py").read_text() for path in paths)
    used = {Exit[name] for name in re.findall(r"\bExit\.([A-Z_]+)", text)}
    own = [command for command in COMMANDS if command.split()[0] == word]
    common = {*exits.ANY} | ({Exit.AMISS} if word in STAY else set())
    known = {code for command in own for code in of(command)}
    assert used <= known
    # What ends a command by an exception of the configuration's stands in none of them.
    assert known - common - used <= {Exit.AMISS}


def test_a_loop_that_stands_still_ends_as_a_fault_inside() -> None:
    assert loop_watch.EXIT_CODE == Exit.FAULT


def test_a_program_of_its_own_ends_with_that_code() -> None:
    """All the way: by the script, in a process."""
    script = "from masakarimonitors.cmd.masakari_monitors import main; main(['explain', 'a', 'b', 'c'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == Exit.WRONG_WORDS and "explain takes host:NAME" in done.stderr


# -- what stays -------------------------------------------------------------------------------------


def stopped(world: World, times: int) -> None:
    """SIGTERM comes as soon as somebody listens, so often."""
    real = starting.stop_on_signals

    def stop_on_signals(stop: asyncio.Event) -> None:
        real(stop)
        for _ in range(times):
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)

    async def serve(*args: object, stop: asyncio.Event, **more: object) -> None:
        await stop.wait()
        await asyncio.sleep(0 if times == 1 else 3600)

    def leave(code: int) -> None:
        raise SystemExit(code)

    for module in (starting, runner):
        world.patch.setattr(module, "stop_on_signals", stop_on_signals)
    world.patch.setattr(starting, "leave", leave)
    world.patch.setattr(runner, "serve", serve)
    world.configure("[web]\nlisten = 127.0.0.1:0\n[receiver]\nport = 0\ndatabase = :memory:\n")


@scene(Exit.FINE, *STAY)
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    stopped(world, 1)
    return ()


@scene(Exit.AMISS, *STAY)
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    if "run" in request.node.name or "monitor" in request.node.name:
        stopped(world, 2)
    else:
        world.configure("[web]\nlisten = 192.0.2.1:80\n[receiver]\nlisten = 192.0.2.1\n")
    return ()


def demonstration(world: World, *, arrives: bool) -> None:
    """In the place of the monitor's own loop: it sees the process, and its death; a report is sent."""

    async def serve(
        conf: Any,
        names: Sequence[str],
        *,
        stop: asyncio.Event,
        endpoint: str,
        started: Any,
        on_verdict: Any,
        on_written: Any,
    ) -> None:
        clock = SystemClock()
        record = SimpleNamespace(verdicts=())
        monitor = SimpleNamespace(watching=(), try_this=())
        outbox = SimpleNamespace(where="here")
        started(
            [
                SimpleNamespace(
                    name=NAME, monitor=monitor, outbox=outbox, status=SimpleNamespace(record=record)
                )
            ],
            "",
        )
        # Not before: where nobody reads what is said then, it is the end.
        process = subprocess.Popen(["sleep", "1000"])  # noqa: ASYNC220
        try:
            if not arrives:  # stopped before its process is there
                signal.raise_signal(signal.SIGTERM)
                await stop.wait()
                return
            folder = Path(conf.process.process_list_path).parent
            (folder / "pid").write_text(str(process.pid))
            on_verdict(Verdict("process:x", Ruling.RECOVERED, "it runs"), clock.now())
            await asyncio.to_thread(process.wait)
            told = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "x")
            api = wiring.api_client(conf, endpoint)
            await api.send(json.dumps(to_wire(told)))
            api.close()
            await stop.wait()
        finally:
            process.kill()
            process.wait()

    world.patch.setattr(runner, "serve", serve)


@scene(Exit.FINE, "demo")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    demonstration(world, arrives=True)
    (world.folder / "monitors.conf").write_text("")
    return ()


@scene(Exit.AMISS, "demo")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    demonstration(world, arrives=False)
    (world.folder / "monitors.conf").write_text("")
    return ()


# -- check, config, status -------------------------------------------------------------------------


@scene(Exit.FINE, "check")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ["--offline", "--monitor", NAME]


@scene(Exit.AMISS, "check")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    (world.folder / "list.yaml").unlink()
    return ["--offline", "--monitor", NAME]


def old_file(world: World, text: str) -> Sequence[str]:
    file = world.folder / "old.conf"
    file.write_text(text)
    return [str(file)]


@scene(Exit.FINE, "config migrate")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return old_file(world, "[DEFAULT]\nhostname = compute-1\n")


@scene(Exit.AMISS, "config migrate")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return old_file(world, "[host]\nno_such_option = 1\n")


@scene(Exit.FINE, "status")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.shown(test_status.monitor(NAME, FakeClock()))
    return ()


@scene(Exit.AMISS, "status")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.shown(test_status.monitor(NAME, FakeClock(), api="503 down"))
    return ()


@scene(Exit.NONE_THERE, "status", "silence list", "silence add", "silence end", "explain")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return PLAIN.get(request.node.callspec.params["command"], ())


@scene(Exit.UNKNOWN, "status", "silence list")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.hangs(f"{NAME}.sock")
    return ()


# -- outbox and silence ----------------------------------------------------------------------------


def reports(world: World) -> None:
    test_outbox.write(world.state / f"{NAME}.sqlite", [test_outbox.row(1)])


@scene(Exit.FINE, "outbox list", "outbox show")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    reports(world)
    return PLAIN.get(request.node.callspec.params["command"], ())


@scene(Exit.AMISS, "outbox list")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ["--file", str(world.folder / "none")]


@scene(Exit.AMISS, "outbox show", "outbox retry", "outbox drop")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    reports(world)
    return ["2"]


@scene(Exit.UNKNOWN, "outbox list", "outbox show")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    (world.state / f"{NAME}.sqlite").write_text("no database" * 100)
    return PLAIN.get(request.node.callspec.params["command"], ())


@scene(Exit.FINE, "outbox retry", "outbox drop", "silence add", "silence end")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    reports(world)
    world.takes(True)
    return PLAIN[request.node.callspec.params["command"]]


@scene(Exit.AMISS, "silence add", "silence end")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    reports(world)
    world.takes(False)
    return PLAIN[request.node.callspec.params["command"]]


@scene(Exit.NONE_THERE, "outbox retry")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    reports(world)
    return ["1"]


@scene(Exit.UNKNOWN, "outbox retry", "outbox drop", "silence add", "silence end")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    reports(world)
    world.hangs(f"{NAME}.control")
    return PLAIN[request.node.callspec.params["command"]]


@scene(Exit.FINE, "silence list")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    told = {**as_json(silence("s1", EPOCH)), "ends": "2026-01-01T01:00:00+00:00"}
    world.shown(MonitorStatus(Record(NAME, FakeClock().now()), tuple, lambda: row, silences=lambda: [told]))
    return ()


@scene(Exit.AMISS, "silence list", "shadow")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    if request.node.callspec.params["command"] == "shadow":
        return shadow(world, differ=True)
    (world.folder / "monitors.conf").unlink()
    return ()


@scene(Exit.WRONG_WORDS, "silence add")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ["rack:7", "--for", "1h", "--reason", "x"]


# -- what explains and plays -----------------------------------------------------------------------


@scene(Exit.FINE, "explain")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    well = Explained(subject="process:x", standing=Standing.WELL, why="it runs")
    world.shown(test_explain.monitor(NAME, well))
    return ["process:x"]


@scene(Exit.AMISS, "explain")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    test_explain.write(world.folder, test_explain.of("process:other"))
    return ["process:x"]


@scene(Exit.WRONG_WORDS, "explain")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    test_explain.write(world.folder, test_explain.of("process:x"), test_explain.of("host:x"))
    return ["x"]


@scene(Exit.UNKNOWN, "explain")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.hangs(f"{NAME}.sock")
    return ["process:x"]


def cloud(world: World) -> None:
    world.configure(
        "[host]\nmonitoring_driver = consul\nsegment_lookup = false\n[consul]\nagent_manage = 127.0.0.1:8500\n"
        "agent_tenant = 127.0.0.1:8501\nagent_storage = 127.0.0.1:8502\n"
    )


@scene(Exit.FINE, "simulate")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    cloud(world)
    return ["host:node02", "--hosts", "8"]


@scene(Exit.AMISS, "simulate")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    cloud(world)
    return ["host:node02", "--hosts", "8", "--within", "1"]


@scene(Exit.WRONG_WORDS, "simulate")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    cloud(world)
    return ["host:node99", "--hosts", "8"]


@scene(Exit.NONE_THERE, "simulate")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    cloud(world)
    return ["host:node02"]


@scene(Exit.UNKNOWN, "simulate")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    cloud(world)
    world.hangs("hostmonitor.sock")
    return ["host:node02"]


@scene(Exit.FINE, "replay")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return [str(request.getfixturevalue("night")), "--rules", "recorded"]


@scene(Exit.AMISS, "replay")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    file = request.getfixturevalue("night")
    cloud(world)
    text = (world.folder / "monitors.conf").read_text()
    (world.folder / "monitors.conf").write_text(
        text.replace("[host]\n", "[host]\nunproven_settle_time = 300\n")
    )
    return [str(file)]


@scene(Exit.WRONG_WORDS, "replay")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return [str(request.getfixturevalue("night")), "--rules", "recorded", "--monitor", NAME]


@scene(Exit.NONE_THERE, "replay")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ["--live"]


@scene(Exit.UNKNOWN, "replay")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return [str(world.folder / "list.yaml"), "--rules", "recorded"]


def shadow(world: World, *, differ: bool) -> Sequence[str]:
    world.configure(test_shadow.SHADOW)
    test_shadow.keep(world.folder, test_shadow.compared(differ=differ))
    return ()


@scene(Exit.FINE, "shadow")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return shadow(world, differ=False)


@scene(Exit.WRONG_WORDS, "shadow")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ()


@scene(Exit.NONE_THERE, "shadow")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.configure(test_shadow.SHADOW)
    return ()


@scene(Exit.UNKNOWN, "shadow")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    shadow(world, differ=False)
    (world.state / "shadow" / f"{NAME}.agreement").write_text("{")
    return ()


# -- what sends, gathers and installs --------------------------------------------------------------


def masakari(world: World) -> None:
    receiver = Receiver(":memory:", SystemClock(), finishes=True, known_hosts=["node05"])
    serving = receiver.serve()
    urls: list[str] = []

    @contextlib.asynccontextmanager
    async def named() -> Any:
        async with serving as url:
            urls.append(url)
            yield

    world.at_work(named())
    world.configure(api=f"auth_type = none\nendpoint = {urls[0]}/v1\n")


@scene(Exit.FINE, "notify")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ["--test"]


@scene(Exit.AMISS, "notify")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    masakari(world)
    return ["--test", "--live", "node06", "node06"]


@scene(Exit.WRONG_WORDS, "notify")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ["--test", "--live", "node05", "node06"]


@scene(Exit.UNKNOWN, "notify")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.configure(api="auth_type = none\nendpoint = http://127.0.0.1:9/v1\n")
    return ["--test", "--live", "node05", "node05"]


@scene(Exit.FINE, "support-bundle")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    (world.folder / "log").write_text("a line\n")
    return ["--no-report"]


@scene(Exit.AMISS, "support-bundle")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    (world.state / f"{NAME}.sqlite").write_text("no database" * 100)
    return ["--no-report"]


@scene(Exit.UNKNOWN, "support-bundle")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return ["--no-report", "--output", str(world.folder / "none" / "b.tar.gz")]


@scene(Exit.FINE, "pacemaker-alert")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    request.getfixturevalue("written")
    return ["install", "--path", str(world.folder / "agent")]


@scene(Exit.AMISS, "pacemaker-alert")
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.patch.setenv("PATH", str(world.folder))
    return ["show"]


# -- OpenStack's question before an upgrade --------------------------------------------------------


def answered(world: World, weight: Any) -> Sequence[str]:
    world.patch.setattr(upgrade, "CHECKS", (("One", lambda conf: [weight]),))
    return ()


@scene(Exit.FINE, UPGRADE)
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return answered(world, ok("well"))


@scene(Exit.AMISS, UPGRADE)
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return answered(world, warning("look"))


@scene(Exit.WRONG_WORDS, UPGRADE)
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    return answered(world, fault("mend"))


@scene(Exit.CANNOT_LOOK, UPGRADE)
def _(world: World, request: pytest.FixtureRequest) -> Sequence[str]:
    world.patch.setitem(sys.modules, "oslo_upgradecheck", None)
    return ()


__all__ = ["night", "written"]

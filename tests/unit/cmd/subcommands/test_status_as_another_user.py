"""Tools that only read, run as a user to whom the monitors' folder is closed: they say so, and never "none"."""

import asyncio
import contextlib
import functools
import grp
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from masakarimonitors.cmd.console.ending import guarded
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.masakari_monitors import parse
from masakarimonitors.outbox.rows import Put
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.status import unix_socket
from masakarimonitors.system.files import run_folder
from tests.fixtures.fake_clock import FakeClock
from tests.unit.cmd.subcommands.test_outbox import row
from tests.unit.cmd.subcommands.test_status import monitor

STRANGER = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where everybody may look, unlike a test's usual folder; the monitors' state in it is root's alone."""
    with tempfile.TemporaryDirectory(prefix="reading-") as name:
        made = Path(name)
        made.chmod(0o755)
        (made / "state").mkdir(mode=0o700)
        (made / "list.yaml").write_text("- process_name: /usr/bin/never\n")
        (made / "monitors.conf").write_text(
            f"[DEFAULT]\nhostname = compute-1\nstate_path = {made}/state\n[api]\nauth_type = none\n"
            f"[process]\nprocess_list_path = {made}/list.yaml\n"
        )
        yield made


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Ask = Callable[..., Ran]


@pytest.fixture
def ask(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a tool as a stranger, once as root before: what it imports may stand where a stranger cannot read."""
    monkeypatch.setenv("STATE_DIRECTORY", str(folder / "state"))
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)

    def run(tool: Sequence[str]) -> Exit:
        arguments, rest = parse([*tool, "--config-file", str(folder / "monitors.conf")])
        code: Exit = arguments.run(arguments, rest)
        return code

    def call(*tool: str, state_path: bool = True) -> Ran:
        config = folder / "monitors.conf"
        if not state_path:
            config.write_text(config.read_text().replace("state_path =", "# "))
        run(tool)
        capsys.readouterr()
        with stranger():
            code = guarded("tool", lambda: run(tool))
        return Ran(code, *capsys.readouterr())

    return call


@contextlib.contextmanager
def stranger() -> Iterator[None]:
    """This process is another user's for a while."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(STRANGER)
    os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def write(path: Path) -> None:
    store = SqliteStore(path)
    store.write([Put(row(1))])
    store.close()


@pytest.mark.parametrize("named", [True, False], ids=["state_path", "usual"])
@pytest.mark.parametrize("tool", ["status", "outbox"])
def test_a_closed_folder_is_not_an_empty_one(folder: Path, ask: Ask, tool: str, named: bool) -> None:
    write(folder / "state" / "processmonitor.sqlite")
    ran = ask(tool, state_path=named)
    assert ran.code == 4, "what there is, nobody can tell this user"
    assert ran.out == ""
    assert f"uid {STRANGER} may not look into {folder}/state" in ran.err and "Ask as root" in ran.err


def test_check_does_not_know_what_is_in_a_closed_folder(folder: Path, ask: Ask) -> None:
    said = ask("check", "--offline", state_path=False).out
    assert f"warning  uid {STRANGER} may not look into {folder}/state" in said


def test_a_file_that_may_not_be_read_is_named(folder: Path, ask: Ask) -> None:
    write(folder / "state" / "processmonitor.sqlite")
    (folder / "state").chmod(0o755)
    ran = ask("outbox")
    assert ran.code == 4 and ran.out == ""
    assert f"uid {STRANGER} may not read {folder}/state/processmonitor.sqlite" in ran.err


async def test_a_socket_that_may_not_be_asked_is_named(folder: Path, ask: Ask) -> None:
    (folder / "state").chmod(0o755)
    clock = FakeClock()
    path = folder / "state" / "processmonitor.sock"
    async with unix_socket.serve(monitor("processmonitor", clock), clock, path):
        ran = await asyncio.to_thread(ask, "status")
    assert ran.code == 4 and ran.out == ""
    assert "processmonitor runs, and you may not look" in ran.err
    assert f"uid {STRANGER} may not ask {path}" in ran.err


async def test_one_that_stands_where_everybody_looks_is_never_none(
    folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder for state is closed, and no configuration is needed to know that one runs."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
    clock, path = FakeClock(), folder / "run" / "hostmonitor.sock"
    prepare = functools.partial(run_folder.prepare, folder / "run")
    async with unix_socket.serve(monitor("hostmonitor", clock), clock, path, prepare=prepare):
        ran = await asyncio.to_thread(ask, "status")
        assert ran.code == 4 and "hostmonitor runs, and you may not look" in ran.err
        assert "No monitor" not in ran.out
    (folder / "run").mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(path))
        path.chmod(0o600)
    ran = await asyncio.to_thread(ask, "status")
    assert ran.code == 4 and "nobody is seen to listen at it" in ran.err


@pytest.mark.parametrize("told", [True, False], ids=["in the kernel's table", "nobody tells"])
async def test_one_that_answers_does_not_hide_one_that_may_not_be_looked_at(
    folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """As a member of the group: one has its socket where the group may ask, another only where it may not look."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
    clock = FakeClock()
    prepare = functools.partial(run_folder.prepare, folder / "run", grp.getgrgid(STRANGER).gr_name)
    async with unix_socket.serve(
        monitor("hostmonitor", clock), clock, folder / "run" / "hostmonitor.sock", prepare=prepare
    ):
        ran = await asyncio.to_thread(ask, "status")
        assert ran.code == 4 and "hostmonitor\thealth\tok" in ran.out, "who else is to run is not to be seen"
        assert f"uid {STRANGER} cannot look into {folder}/state" in ran.err
        config = folder / "monitors.conf"
        config.write_text(f"{config.read_text()}[web]\nmonitors = hostmonitor\n")
        ran = await asyncio.to_thread(ask, "status")
        assert ran.code == 0 and "not known" not in ran.err, (
            "nobody else runs, the kernel tells, and nobody else is to"
        )
        path = folder / "state" / "processmonitor.sock"
        async with unix_socket.serve(monitor("processmonitor", clock), clock, path):
            if not told:
                monkeypatch.setattr(run_folder, "listening", lambda: run_folder.Listening((), whole=False))
            ran = await asyncio.to_thread(ask, "status")
    assert ran.code == 4 and "hostmonitor\thealth\tok" in ran.out
    said = "processmonitor runs, and uid" if told else "whether processmonitor runs is not known"
    assert said in ran.err


@pytest.mark.parametrize("tool", [("outbox",), ("status",), ("check", "--offline")])
def test_nothing_is_made_where_everything_could_be(folder: Path, ask: Ask, tool: tuple[str, ...]) -> None:
    home = folder / "home"
    home.mkdir()
    os.chown(home, STRANGER, STRANGER)
    ask(*tool, state_path=False)
    assert list(home.iterdir()) == [] and list((folder / "state").iterdir()) == []

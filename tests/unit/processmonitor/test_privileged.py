"""Which command of the list root runs, and for which reasons none: carried out here as in oslo.privsep's helper."""

import errno
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from oslo_config import cfg

from masakarimonitors import privsep
from masakarimonitors.processmonitor.core.observation import CommandKey
from masakarimonitors.processmonitor.privileged import digest, start
from masakarimonitors.system.privileged import helper
from masakarimonitors.system.privileged.handover import Handover
from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import PATIENCE, eventually

pytestmark = [
    pytest.mark.xdist_group("process"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root's list is run by root"),
]

NAME = "/usr/sbin/x"
SECRET = "Tr0ub4dor"


def shortly(value: object) -> str:
    """The name of a case: it stands in the environment of what a test starts, where there is not much room."""
    return repr(value)[:9]


class Roots:
    """A folder of root's with a configuration that names a list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.list = folder / "list.yaml"
        self.conf = folder / "a.conf"
        self.conf.write_text(f"[process]\nprocess_list_path = {self.list}\n")
        self.conf.chmod(0o644)
        privsep.configure([str(self.conf)], [])

    def write(self, *entries: Mapping[str, object]) -> None:
        """Write the list, as an editor does: by another file in its place."""
        new = self.folder / "new"
        new.write_text(yaml.safe_dump(list(entries)))
        new.chmod(0o644)
        new.rename(self.list)

    @property
    def ran(self) -> bool:
        return (self.folder / "ran").exists()

    @property
    def command(self) -> str:
        """One that shows that it ran."""
        return f"touch {self.folder}/ran"


@pytest.fixture
def roots(monkeypatch: pytest.MonkeyPatch) -> Iterator[Roots]:
    monkeypatch.setattr(helper, "_ANSWER_WITHIN", PATIENCE)  # a call here has its answer, however slow
    privsep.monitors_priv.set_client_mode(False)
    with tempfile.TemporaryDirectory() as made:
        one = Roots(Path(made))
        one.write({"process_name": NAME, "restart_command": one.command, "run_as_root": True})
        yield one
    privsep.monitors_priv.set_client_mode(True)
    cfg.CONF.clear()


@pytest.fixture
async def output() -> AsyncIterator[Handover]:
    one = Handover({os.geteuid()})
    yield one
    one.close()


def refused(
    roots: Roots,
    output: Handover,
    name: Any = NAME,
    key: Any = "restart_command",
    seen: Any = None,
    *,
    for_now: bool = False,
) -> str:
    """Why nothing is run, which is short, has one line, and shows neither what was asked nor what the list says.

    `for_now`: what is to be mended is root's file, so that it is no failed try of the process.
    """
    pid, why, number = start(
        name, key, digest(roots.command) if seen is None else seen, output.place, output.word
    )
    assert (pid, number) == (0, errno.EAGAIN if for_now else 0) and why and not roots.ran
    assert len(why) < 500 and why.isprintable() and SECRET not in why and str(roots.command) not in why
    return str(why)


@pytest.mark.parametrize("key", CommandKey)
async def test_the_command_of_the_list_is_run_and_no_other(key: str, roots: Roots, output: Handover) -> None:
    entry = {"process_name": NAME, "run_as_root": True}
    others = {other.value: "false" for other in CommandKey}
    roots.write({**entry, "process_name": "other"}, {**entry, **others, key: roots.command})
    pid, why, _ = start(NAME, key, digest(roots.command), output.place, output.word)
    assert pid, why
    await output.take()
    await eventually(lambda: not alive(pid), "its end")
    assert helper.finish(pid) == ("ended", 0) and roots.ran


@pytest.mark.parametrize(
    "name",
    ["", "x", f"{NAME}\n", f"{NAME}\x1b[2J\r\n{SECRET}", "\0", "x" * 10_000_000, 7, None],
    ids=shortly,
)
async def test_what_the_list_does_not_name(name: Any, roots: Roots, output: Handover) -> None:
    assert f"{roots.list}, as the privileged helper reads it now, does not name" in refused(
        roots, output, name, for_now=True
    )


@pytest.mark.parametrize(
    "key",
    ["process_name", "user", "__class__", "", SECRET, "x" * 10_000_000, 7, None, ()],
    ids=shortly,
)
async def test_what_is_no_command_of_an_entry(key: Any, roots: Roots, output: Handover) -> None:
    assert "the keys are start_command, pre_start_command" in refused(roots, output, key=key)


async def test_a_command_that_the_entry_does_not_have(roots: Roots, output: Handover) -> None:
    assert "gives this process no start_command" in refused(roots, output, key="start_command", for_now=True)


@pytest.mark.parametrize("given", [{}, {"run_as_root": False}])
async def test_an_entry_that_is_not_to_run_as_root(
    given: Mapping[str, object], roots: Roots, output: Handover
) -> None:
    roots.write({"process_name": NAME, "restart_command": roots.command, **given})
    assert "run_as_root: true" in refused(roots, output)


@pytest.mark.parametrize(
    "seen", [digest("true"), "", SECRET, "x" * 10_000_000, 7, None, b"\xff"], ids=shortly
)
async def test_a_list_that_has_changed_since_the_monitor_has_read_it(
    seen: Any, roots: Roots, output: Handover
) -> None:
    pid, why, number = start(NAME, "restart_command", seen, output.place, output.word)
    assert number == errno.EAGAIN
    assert pid == 0 and "another restart_command for this process by now" in why and not roots.ran


async def test_a_list_that_is_replaced_between_two_requests(roots: Roots, output: Handover) -> None:
    seen = digest(roots.command)
    roots.write({"process_name": NAME, "restart_command": f"echo {SECRET}", "run_as_root": True})
    assert "none is run" in refused(roots, output, seen=seen, for_now=True)
    roots.write({"process_name": "another", "restart_command": roots.command, "run_as_root": True})
    assert "does not name" in refused(roots, output, seen=seen, for_now=True)
    roots.write({"process_name": NAME, "restart_command": roots.command, "run_as_root": True})
    pid, why, _ = start(NAME, "restart_command", seen, output.place, output.word)
    assert pid, why
    await eventually(lambda: not alive(pid), "its end")
    assert helper.finish(pid) == ("ended", 0)


async def test_two_entries_of_one_name(roots: Roots, output: Handover) -> None:
    entry = {"process_name": NAME, "restart_command": roots.command, "run_as_root": True}
    roots.write(entry, {**entry, "restart_command": f"echo {SECRET}"})
    assert "cannot be used, because of its line " in refused(roots, output, for_now=True)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe\x00",
        f"- process_name: {NAME}\n  restart_command: [{SECRET}".encode(),
        f"- process_name: {NAME}\n  restart_command: 'unclosed \"{SECRET}'\n".encode(),
        f"{SECRET}: 7".encode(),
        b"[" * 100_000,
        b"!!python/object/apply:os.system ['true']",
    ],
    ids=shortly,
)
async def test_a_list_that_cannot_be_used_is_not_shown(text: bytes, roots: Roots, output: Handover) -> None:
    roots.list.write_bytes(text)
    assert "`masakari-monitors check` says what is wrong" in refused(roots, output, for_now=True)


async def test_ten_megabytes_of_yaml(roots: Roots, output: Handover) -> None:
    line = f"- {{process_name: {NAME}, restart_command: {roots.command}, run_as_root: true}}\n"
    roots.list.write_text(line * (10_000_000 // len(line)))
    assert "name another file" in refused(roots, output)


async def test_a_pipe_is_not_waited_for(roots: Roots, output: Handover) -> None:
    roots.list.unlink()
    os.mkfifo(roots.list, 0o644)
    assert "no ordinary file" in refused(roots, output)


async def test_a_list_that_others_can_write(roots: Roots, output: Handover) -> None:
    roots.list.chmod(0o664)
    assert f"chmod go-w {roots.list}" in refused(roots, output)


async def test_a_folder_that_others_can_write(roots: Roots, output: Handover) -> None:
    roots.folder.chmod(0o775)
    why = refused(roots, output)
    assert f"chmod go-w {roots.folder}" in why


async def test_a_list_of_another_user(roots: Roots, output: Handover) -> None:
    os.chown(roots.list, 65534, 0)
    assert f"chown root:root {roots.list}" in refused(roots, output)


async def test_a_list_with_a_second_name(roots: Roots, output: Handover) -> None:
    os.link(roots.list, roots.folder / "second")
    assert "hard link" in refused(roots, output)


async def test_a_link_that_another_user_has_put_there(roots: Roots, output: Handover) -> None:
    real = roots.list.rename(roots.folder / "real.yaml")
    roots.list.symlink_to(real)
    os.chown(roots.list, 65534, 0, follow_symlinks=False)
    assert "may be anybody's" in refused(roots, output)


async def test_a_list_that_is_not_there(roots: Roots, output: Handover) -> None:
    roots.list.unlink()
    assert f"{roots.list} cannot be read by the privileged helper: No such file" in refused(
        roots, output, for_now=True
    )


async def test_a_list_that_the_monitors_user_has_named(roots: Roots, output: Handover) -> None:
    roots.conf.chmod(0o666)
    assert f"chmod go-w {roots.conf}" in refused(roots, output)


async def test_a_command_that_is_not_there_is_missed_without_its_name(roots: Roots, output: Handover) -> None:
    """No shell reads a list's commands, so that this is the name of a program."""
    line = f"PASSWORD={SECRET} service x restart"
    roots.write({"process_name": NAME, "restart_command": line, "run_as_root": True})
    answer = start(NAME, "restart_command", digest(line), output.place, output.word)
    assert answer == (0, "No such file or directory", 2)


def test_a_digest_shows_nothing_and_tells_two_lines_apart() -> None:
    assert digest(SECRET) == digest(SECRET) != digest(SECRET + " ") and SECRET not in digest(SECRET)

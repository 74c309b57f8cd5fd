"""The folder for everybody's eyes: who may look, who may ask, and whom root does not trust."""

import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from masakarimonitors.system.files import run_folder

OWN = grp.getgrgid(os.getegid()).gr_name

TABLE = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 11 /run/masakarimonitors/hostmonitor.sock
0000000000000000: 00000003 00000000 00000000 0001 03 12 /run/masakarimonitors/instancemonitor.sock
0000000000000000: 00000003 00000000 00000000 0001 03 13
0000000000000000: 00000002 00000000 00010000 0001 01 14 /run/with space.sock
0000000000000000: 00000002 00000000 what 0001 01 14 /run/odd.sock
"""


def test_systemd_may_name_it() -> None:
    assert run_folder.folder({}) == Path("/run/masakarimonitors")
    assert run_folder.folder({"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a")
    assert run_folder.folder({"RUNTIME_DIRECTORY": "odd"}) == Path("/run/masakarimonitors")


def test_without_the_group_a_socket_is_its_owner_s(tmp_path: Path) -> None:
    place = tmp_path / "run"
    old = os.umask(0o077)
    try:
        assert run_folder.prepare(place, "no-such-group") == 0o600
    finally:
        os.umask(old)
    assert stat.S_IMODE(place.stat().st_mode) == 0o755, "everybody may see which monitors there are"


def test_what_is_made_in_it_belongs_to_the_group(tmp_path: Path) -> None:
    place = tmp_path / "run"
    assert [run_folder.prepare(place, OWN) for _ in range(2)] == [0o660, 0o660]
    seen = place.stat()
    assert seen.st_mode & stat.S_ISGID and stat.S_IMODE(seen.st_mode) & 0o777 == 0o755
    (place / "x").touch()
    assert (place / "x").stat().st_gid == os.getegid()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with pytest.raises(OSError):
        run_folder.prepare(tmp_path / "run", OWN)
    assert not (tmp_path / "real").stat().st_mode & stat.S_ISGID


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_puts_no_socket_where_another_user_could_swap_it(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    os.chown(place, 65534, 65534)
    with pytest.raises(run_folder.NotOurs, match="belongs to uid 65534"):
        run_folder.prepare(place, OWN)


@pytest.mark.parametrize(
    ("path", "listens"),
    [
        ("/run/masakarimonitors/hostmonitor.sock", True),
        ("/run/masakarimonitors/instancemonitor.sock", False),
        ("/run/masakarimonitors/processmonitor.sock", False),
        ("/run/with space.sock", True),
        ("/run/odd.sock", False),
    ],
)
def test_who_listens_stands_in_the_kernel_s_table(path: str, listens: bool) -> None:
    assert run_folder.Listening((TABLE,), whole=True).has(Path(path)) is listens


def test_a_real_socket_is_found_in_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        assert not run_folder.listening().has(path)
        one.listen(1)
        assert run_folder.listening().has(path)
    assert not run_folder.listening().has(path)


def runs(proc: Path, pid: str, *argv: str, table: str | None = "") -> None:
    """A process of a host that is made up, with the sockets of its network namespace."""
    (proc / pid / "net").mkdir(parents=True)
    (proc / pid / "cmdline").write_text("".join(f"{word}\0" for word in argv))
    if table is not None:
        (proc / pid / "net/unix").write_text(f"Num\n{table}")


HOSTMONITOR = "/run/masakarimonitors/hostmonitor.sock"


@pytest.mark.parametrize(
    ("table", "has", "whole"),
    [(TABLE, True, True), ("", False, True), (None, False, False)],
    ids=["listens", "does not", "cannot be read"],
)
def test_a_monitor_in_a_network_namespace_of_its_own_is_seen(
    tmp_path: Path, table: str | None, has: bool, whole: bool
) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/unix").write_text("Num\n")
    runs(tmp_path, "1", "/sbin/init")
    runs(tmp_path, "7", "/usr/bin/python3", "/usr/bin/masakari-hostmonitor", table=table)
    seen = run_folder.listening(str(tmp_path))
    assert (seen.has(Path(HOSTMONITOR)), seen.tells_of(Path(HOSTMONITOR))) == (has, whole)


def test_where_the_processes_of_others_are_hidden_it_is_not_known_who_listens(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/unix").write_text("Num\n")
    runs(tmp_path, "7", "bash")
    assert not run_folder.listening(str(tmp_path)).tells_of(Path(HOSTMONITOR))


def test_many_who_call_themselves_so_cost_no_more_than_a_few(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/unix").write_text("Num\n")
    for pid in range(1, 101):
        runs(tmp_path, str(pid), "sleep", "masakari", table=f"{pid}\n")
    seen = run_folder.listening(str(tmp_path))
    assert len(seen.tables) < 100 and not seen.whole

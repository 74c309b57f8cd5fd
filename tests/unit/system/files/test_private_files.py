"""Files that are this user's alone: what is taken, and what is refused with words that help."""

import errno
import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from masakarimonitors.system.files import private_files
from masakarimonitors.system.files.private_files import UnsafeFile


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


def queue(path: Path, victim: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("trap", [link, hard_link, queue])
@pytest.mark.parametrize("open_", [private_files.open_private, private_files.make_private])
def test_what_somebody_else_could_have_put_there_is_not_touched(
    tmp_path: Path, trap: Callable[[Path, Path], None], open_: Callable[[Path], object]
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "state.lock"
    victim.write_text("precious")
    trap(path, victim)
    with pytest.raises(UnsafeFile, match=r"state\.lock is not used: .* Look at it, then remove it"):
        open_(path)
    assert victim.read_text() == "precious"


def test_a_link_to_nothing_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFile, match="symbolic link"):
        private_files.open_private(tmp_path / "a")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(UnsafeFile, match="this process runs as uid 4711"):
        private_files.open_private(tmp_path / "a")


def test_files_are_private_from_their_first_byte_on_and_older_ones_are_made_so(tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.touch(0o644)
    older.chmod(0o644)
    before = os.umask(0)
    try:
        os.close(private_files.open_private(tmp_path / "lock"))
        os.close(private_files.open_private(older))
        private_files.make_database(tmp_path / "db")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_no_descriptor_of_a_database_is_closed_by_whoever_makes_it(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        private_files.make_database(tmp_path / "db")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (tmp_path / "db").is_file()


def test_what_stands_beside_a_database_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "db-wal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFile, match="db-wal is not used"):
        private_files.make_database(tmp_path / "db")


def test_a_disk_that_takes_nothing_is_another_matter(tmp_path: Path) -> None:
    assert errno.ENOSPC in private_files.NO_ROOM and errno.EACCES not in private_files.NO_ROOM


@pytest.mark.skipif(os.geteuid() != 0, reason="asked of root alone")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "said"),
    [
        (0, 0, 0o700, ""),
        (0, 0, 0o755, ""),
        (0, 0, 0o775, ""),
        (0, 7, 0o775, "others than root can write in"),
        (0, 0, 0o777, "others than root can write in"),
        (0, 0, 0o1777, "others than root can write in"),
        (65534, 0, 0o700, "belongs to uid 65534"),
    ],
)
def test_whose_folder_it_is(tmp_path: Path, owner: int, group: int, mode: int, said: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, owner, group)
    folder.chmod(mode)
    found = private_files.folder_is_open_to(folder)
    assert said in found and bool(found) == bool(said)
    assert not said or ("chown root:root" in found and "state_path" in found)
    # The folder of the packages: who looks as root must not be told to take it away from the monitors first.
    assert ("sudo -u '#65534'" in found) == (owner == 65534)


@pytest.mark.skipif(os.geteuid() != 0, reason="asked of root alone")
def test_the_folders_above_it_count_too_and_links_are_looked_through(tmp_path: Path) -> None:
    (tmp_path / "above" / "state").mkdir(parents=True)
    os.chown(tmp_path / "above", 65534, 65534)
    (tmp_path / "link").symlink_to(tmp_path / "above" / "state")
    assert f"{tmp_path}/above belongs to uid 65534" in private_files.folder_is_open_to(tmp_path / "link")


def test_another_user_than_root_is_asked_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    tmp_path.chmod(0o777)
    assert private_files.folder_is_open_to(tmp_path) == ""

"""What root acts upon: only what root alone can have written, wherever the path leads."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.system.files.trusted_file import Untrusted, complaint, others_could_write, read_trusted

US = os.geteuid()
STRANGER = 64001
LIMIT = 1000
needs_root = pytest.mark.skipif(US != 0, reason="gives files to another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Its parents are ours and closed to all others, as those of /etc are to all but root."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "list"
    path.write_text("- x")
    path.chmod(0o640)
    return path


def refuses(path: Path, *says: str) -> None:
    with pytest.raises(Untrusted) as raised:
        read_trusted(str(path), LIMIT, US)
    assert all(words in str(raised.value) for words in (str(path), *says)), raised.value
    assert complaint(str(path), US) == str(raised.value)


def test_a_file_of_roots_in_folders_of_roots_is_read(file: Path) -> None:
    assert read_trusted(str(file), LIMIT, US) == b"- x"
    assert complaint(str(file), US) == complaint(str(file.parent), US) == ""


def test_ways_that_only_look_odd_are_gone(file: Path) -> None:
    (file.parent / "deep").mkdir()
    assert read_trusted(f"/{file.parent}/./deep//../list", LIMIT, US) == b"- x"


@pytest.mark.parametrize("mode", [0o660, 0o602, 0o646, 0o666])
def test_a_file_that_others_can_write(file: Path, mode: int) -> None:
    file.chmod(mode)
    refuses(file, f"(0{mode:o})", f"chmod go-w {file}")


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_above_it_that_others_can_write(file: Path, mode: int) -> None:
    deep = file.parent / "a" / "b"
    deep.mkdir(parents=True)
    path = file.rename(deep / "list")
    deep.parent.chmod(mode)
    refuses(path, "its folder", f"chmod go-w {deep.parent}")


@needs_root
@pytest.mark.parametrize("whose", ["file", "folder", "link"])
def test_what_belongs_to_somebody_else(file: Path, whose: str) -> None:
    link = file.parent / "link"
    link.symlink_to(file)
    path = link if whose == "link" else file
    os.chown({"file": file, "folder": file.parent, "link": link}[whose], STRANGER, 0, follow_symlinks=False)
    refuses(path, str(STRANGER) if whose != "link" else "may be anybody's")


def test_links_of_roots_own_are_followed_and_what_they_pass_is_looked_at(file: Path) -> None:
    """Configuration is often mounted so: the list, a link to ..data/list, and that one to a dated folder."""
    folder = file.parent
    (folder / "dated").mkdir()
    file.rename(folder / "dated" / "list")
    (folder / "..data").symlink_to("dated")
    file.symlink_to("..data/list")
    assert read_trusted(str(file), LIMIT, US) == b"- x"
    # A link from a folder of root's to one of anybody's and back again: whoever owns that one decides.
    anybodys = folder / "anybodys"
    anybodys.mkdir()
    (anybodys / "back").symlink_to(folder / "dated" / "list")
    file.unlink()
    file.symlink_to(anybodys / "back")
    assert read_trusted(str(file), LIMIT, US) == b"- x"
    anybodys.chmod(0o777)
    refuses(file, "its folder", f"chmod go-w {anybodys}")


def test_links_without_end(file: Path) -> None:
    file.unlink()
    file.symlink_to("list")
    refuses(file, "have no end")


def test_a_link_that_leads_nowhere_is_not_there(file: Path) -> None:
    file.unlink()
    file.symlink_to("elsewhere")
    with pytest.raises(FileNotFoundError):
        read_trusted(str(file), LIMIT, US)
    assert "No such file" in complaint(str(file), US)


def test_what_stands_directly_where_everybody_may_write(file: Path) -> None:
    """There nobody can move what is another's, so that a folder in it is safe; a file may be another name of one."""
    shared = file.parent / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    own = shared / "own"
    own.mkdir()
    inside = file.rename(own / "list")
    assert read_trusted(str(inside), LIMIT, US) == b"- x"
    refuses(inside.rename(shared / "list"), "everybody can write")
    (shared / "link").symlink_to(own)
    refuses(shared / "link" / "list", "may be anybody's")


def test_a_hard_link(file: Path) -> None:
    os.link(file, file.parent / "other")
    refuses(file, "hard link", "copy it")


def test_what_is_no_file_is_not_waited_for(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)
    refuses(file, "no ordinary file")
    with pytest.raises(Untrusted, match="no ordinary file"):
        read_trusted(str(file.parent), LIMIT, US)
    with pytest.raises(NotADirectoryError):
        read_trusted(str(file / "below"), LIMIT, US)


@pytest.mark.parametrize("path", ["/proc/self/cmdline", "/proc/self/fd/0", "/proc/thread-self/environ"])
def test_what_a_process_says_of_itself_is_no_file_of_roots(path: str) -> None:
    """The command line of a program that runs as root shows what a user has given it, as a file of root's."""
    refuses(Path(path), "no file on a disk")


def test_ten_megabytes_are_not_read(file: Path) -> None:
    with file.open("wb") as big:
        big.truncate(10 << 20)
    with pytest.raises(Untrusted, match="10485760 bytes"):
        read_trusted(str(file), LIMIT, US)


@pytest.mark.parametrize("path", ["list", "./list", ""])
def test_a_path_from_wherever_we_stand(path: str) -> None:
    with pytest.raises(Untrusted, match="slash"):
        read_trusted(path, LIMIT, US)


def test_a_name_with_a_nul_is_a_fault_of_its_own() -> None:
    with pytest.raises(ValueError, match="null"):
        read_trusted("/etc/\0", LIMIT, US)


@needs_root
def test_a_configuration_is_its_files_its_folders_and_what_is_in_those(folder: Path) -> None:
    parts = folder / "conf.d"
    parts.mkdir()
    for path in (folder / "a.conf", parts / "b.conf", parts / "README"):
        path.touch(0o644)
    given = [str(folder / "a.conf")], [str(parts)]
    (parts / "README").chmod(0o666)
    assert others_could_write(*given) == ""
    (parts / "b.conf").chmod(0o666)
    assert "b.conf" in others_could_write(*given)
    (parts / "b.conf").chmod(0o644)
    parts.chmod(stat.S_IMODE(parts.stat().st_mode) | 0o020)
    assert "conf.d" in others_could_write(*given)
    assert "a.conf" in others_could_write([str(folder / "no" / "a.conf")], [])

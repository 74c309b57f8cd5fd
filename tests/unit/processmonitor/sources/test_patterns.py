"""The patterns of a list as a real file system and a real user list have them."""

import os
import pwd
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from masakarimonitors.processmonitor.core.observation import Entry
from masakarimonitors.processmonitor.core.recognition.pattern import NOBODY_KNOWN
from masakarimonitors.processmonitor.sources.patterns import Programs, as_written, follow_again, user_id


def test_a_link_is_followed_whenever_it_is_looked_at(tmp_path: Path) -> None:
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        shutil.copy("/bin/true", tmp_path / release / "svc")
    current = tmp_path / "current"
    current.symlink_to("one")
    entries = [
        Entry(process_name=f"{current}/svc"),
        Entry(process_name="bare"),
        Entry(process_name="/bin/sh -x"),
    ]
    first = follow_again(tuple(as_written(entries)), entries)
    assert first[0].target == f"{tmp_path}/one/svc" and first[0].linked
    assert first[1].target == "bare" and not first[1].linked
    assert follow_again(first, entries) == first
    (tmp_path / "new").symlink_to("two")
    os.replace(tmp_path / "new", current)
    second = follow_again(first, entries, links_only=True)
    assert second[0].target == f"{tmp_path}/two/svc" and second[0].file != first[0].file


def test_a_relative_path_leads_to_where_a_command_of_the_list_would_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy("/bin/true", tmp_path / "one" / "svc-7")
    (tmp_path / "one" / "svc").symlink_to("svc-7")
    entries = [Entry(process_name="one/svc"), Entry(process_name="two/svc")]
    monkeypatch.chdir(tmp_path)
    there, nowhere = follow_again(tuple(as_written(entries)), entries)
    assert there.target == f"{tmp_path}/one/svc-7" and there.file is not None
    assert nowhere.file is None


def test_where_nothing_stands_any_more_the_last_that_stood_there_counts(tmp_path: Path) -> None:
    shutil.copy("/bin/true", tmp_path / "svc")
    entries = [Entry(process_name=f"{tmp_path}/svc")]
    first = follow_again(tuple(as_written(entries)), entries)
    assert first[0].file is not None and not first[0].linked
    (tmp_path / "svc").unlink()
    assert follow_again(first, entries) == first


def test_an_entry_that_names_a_program_in_full_is_told_from_one_that_names_a_part_of_a_word(
    tmp_path: Path,
) -> None:
    shutil.copy("/bin/true", tmp_path / "svc")
    names = {f"{tmp_path}/svc": True, f"{tmp_path}/sv": False, "sh": True, "no-such-progr": False}
    names |= {
        f"/bin/sh {tmp_path}/svc": True,
        f"/bin/sh {tmp_path}/sv": False,
        f"{tmp_path}/svc --conf": False,
    }
    entries = [Entry(process_name=name) for name in names]
    followed = follow_again(tuple(as_written(entries)), entries)
    assert {pattern.process_name: pattern.stands for pattern in followed} == names
    (tmp_path / "svc").unlink()
    assert follow_again(followed, entries)[0].stands, "it has stood there"


def test_a_folder_that_is_as_it_was_is_not_read_again(tmp_path: Path) -> None:
    folder, link, none = tmp_path / "bin", tmp_path / "link", tmp_path / "none"
    folder.mkdir()
    link.symlink_to(folder)
    read: list[str] = []
    changed = folder.stat().st_ctime
    at = changed

    def list_folder(path: str) -> list[str]:
        read.append(path)
        return os.listdir(path)

    programs = Programs([str(folder), str(link), str(none)], list_folder=list_folder, now=lambda: at)
    assert not programs.look()("svc") and read == [str(folder), str(link)]
    # It has just changed: what its time says may be true of two states.
    assert not programs.look()("svc") and len(read) == 4
    at = changed + 3600
    assert not programs.look()("svc") and len(read) == 5
    assert not programs.look()("svc") and len(read) == 5
    (folder / "dangling").symlink_to(tmp_path / "target")
    os.utime(folder, ns=(0, 0))
    assert not programs.look()("dangling")
    before = len(read)
    (tmp_path / "target").touch()
    assert programs.look()("dangling"), "a link is followed each time"
    shutil.copy("/bin/true", folder / "svc")
    os.utime(folder, ns=(0, 0))
    assert programs.look()("svc") and len(read) > before
    none.mkdir()
    shutil.copy("/bin/true", none / "other")
    assert programs.look()("other")


def test_a_folder_that_cannot_be_listed_is_asked_for_each_name(tmp_path: Path) -> None:
    shutil.copy("/bin/true", tmp_path / "svc")

    def refused(path: str) -> list[str]:
        raise PermissionError(path)

    looked = Programs([str(tmp_path)], list_folder=refused).look()
    assert looked("svc") and not looked("other")


def test_a_user_is_looked_up_until_it_is_known() -> None:
    users = {"a": "root", "b": "no-such-user", "c": None}
    entries = [Entry(process_name=name, user=user) for name, user in users.items()]
    written = tuple(as_written(entries))
    assert [pattern.user for pattern in written] == [NOBODY_KNOWN, NOBODY_KNOWN, None]
    assert [pattern.user for pattern in follow_again(written, entries)] == [0, NOBODY_KNOWN, None]
    assert (user_id("65534"), user_id("root"), user_id("no-such-user")) == (65534, 0, None)
    assert [user_id(number) for number in ("²", "٣", "")] == [None, None, None]


def test_a_user_that_was_made_anew_is_who_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {"nova": 998}

    def getpwnam(name: str) -> SimpleNamespace:
        return SimpleNamespace(pw_uid=ids[name])

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    entries = [Entry(process_name="agent", user="nova"), Entry(process_name="other")]
    first = follow_again(tuple(as_written(entries)), entries)
    assert [one.user for one in first] == [998, None]
    del ids["nova"]  # no user for a moment, or whoever knows does not answer: as it was
    assert follow_again(first, entries) == first
    ids["nova"] = 42
    assert [one.user for one in follow_again(first, entries)] == [42, None]


def test_an_entry_that_no_system_call_takes_is_left_as_it_is_and_the_others_are_looked_at() -> None:
    users = {"/\ud800": None, "odd user": "\ud800", "good": "root"}
    entries = [Entry(process_name=name, user=user) for name, user in users.items()]
    written = tuple(as_written(entries))
    odd, of_nobody, good = follow_again(written, entries)
    assert (odd, of_nobody) == written[:2] and good.user == 0

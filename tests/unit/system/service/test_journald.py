"""What journald is sent: each field whole, whatever it holds, and what is too large for a datagram in a file."""

import errno
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.system.service import journald
from masakarimonitors.system.service.journald import LONGEST, Journal, encoded, is_there
from tests.fixtures.fake_journald import parsed, played


def test_an_entry_has_its_fields(tmp_path: Path) -> None:
    with played(tmp_path / "socket") as journal:
        assert is_there(str(journal.path))
        Journal(str(journal.path)).send("a line", SUBJECT="host:node05", PRIORITY=4)
        (entry,) = journal.entries()
    assert entry == {"MESSAGE": "a line", "SUBJECT": "host:node05", "PRIORITY": "4"}


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True), st.text(), max_size=5))
def test_whatever_a_field_holds_is_read_as_it_was(fields: dict[str, str]) -> None:
    told = parsed(encoded(dict(fields)))
    assert told == {key: value.encode(errors="backslashreplace").decode() for key, value in fields.items()}


def test_bytes_that_are_no_text_and_lines_that_look_like_fields_stay_within_theirs() -> None:
    told = parsed(encoded({"MESSAGE": b"\xff\x00\nSUBJECT=forged\n", "SUBJECT": "real"}))
    assert told == {"MESSAGE": "\udcff\x00\nSUBJECT=forged\n", "SUBJECT": "real"}


@pytest.mark.parametrize("letter", ["x", "\u00e4", "\u20ac", "\U0001f600"])
def test_a_field_is_not_cut_inside_of_a_letter(letter: str) -> None:
    width = len(letter.encode())
    for before in range(width):
        kept = "x" * (LONGEST - before)
        told = parsed(encoded({"MESSAGE": kept + letter + "y"}))["MESSAGE"]
        assert told == f"{kept}... ({width + 1} more bytes are cut off)", before


def test_what_is_no_text_is_cut_where_it_is_too_long() -> None:
    told = parsed(encoded({"MESSAGE": b"\x80" * (LONGEST + 1)}))["MESSAGE"]
    assert told == "\udc80" * LONGEST + "... (1 more bytes are cut off)"


@pytest.mark.parametrize("name", ["", "_PID", "subject", "1ST", "A" * 65, "A=B", "A\nB"])
def test_a_name_that_journald_would_drop_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a field"):
        encoded({name: "x"})


def test_what_is_too_large_for_a_datagram_comes_in_a_file_that_nobody_changes(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    with played(tmp_path / "socket") as journal:
        traceback = "  File x\n" * 60_000
        Journal(str(journal.path)).send("a line", EXCEPTION_TEXT=traceback)
        (entry,) = journal.entries()
        assert journal.files == 1 and entry == {"MESSAGE": "a line", "EXCEPTION_TEXT": traceback}
        Journal(str(journal.path)).send("x" * (LONGEST + 7))
        (entry,) = journal.entries()
        assert entry["MESSAGE"].endswith("x... (7 more bytes are cut off)")
    assert sorted(os.listdir("/proc/self/fd")) == before, "no descriptor is left open"


def test_where_nobody_listens_it_is_said(tmp_path: Path) -> None:
    assert not is_there(str(tmp_path / "socket"))
    with pytest.raises(OSError):
        Journal(str(tmp_path / "socket")).send("a line")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
        gone.bind(str(tmp_path / "gone"))
    assert not is_there(str(tmp_path / "gone"))


def test_one_that_takes_nothing_is_waited_for_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journald, "PATIENCE", 0.01)
    with played(tmp_path / "socket") as journal:
        with pytest.raises(OSError) as given_up:
            for _ in range(10_000):
                Journal(str(journal.path)).send("a line")
        assert isinstance(given_up.value, TimeoutError) or given_up.value.errno == errno.EAGAIN
        assert journal.entries()
        Journal(str(journal.path)).send("another line")
        assert [one["MESSAGE"] for one in journal.entries()] == ["another line"]

"""What a pidfile tells: who holds it, and when it was written."""

import os
from pathlib import Path

import pytest

from masakarimonitors.system.processes.pidfile import holder, written_at
from tests.fixtures.pidfile import locked


def test_a_file_that_a_living_process_has_locked_names_it(tmp_path: Path) -> None:
    file = tmp_path / "one.pid"
    with pytest.raises(FileNotFoundError):
        holder(file)
    with locked(file) as pid:
        assert holder(file) == pid
    assert holder(file) is None


def test_when_it_was_written_is_told_to_the_nanosecond_by_one_that_holds_something(tmp_path: Path) -> None:
    file, at = tmp_path / "one.pid", 1_795_863_268_369_904_233
    assert written_at(file) == written_at(tmp_path / "\0") == 0
    for text, told in (("", 0), ("42\n", at)):
        file.write_text(text)
        os.utime(file, ns=(at, at))
        assert written_at(file) == told

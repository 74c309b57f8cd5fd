"""Who has begun a process, as the kernel tells it."""

import os
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.sources.people import ORDINARY, person, users

STATUS = b"Name:\tx\nUid:\t5\t7\t0\t0\nGid:\t1\t1\t1\t1\n"


def test_the_real_and_the_effective_user_are_read() -> None:
    assert users(STATUS) == (5, 7)
    assert users(b"Name:\tx\n") is None


@pytest.mark.parametrize("ids", [None, (0, 0), (0, ORDINARY - 1)])
def test_root_and_system_users_are_no_people(tmp_path: Path, ids: tuple[int, int] | None) -> None:
    assert person(ids, str(tmp_path)) is None


def test_an_ordinary_user_is_one_where_nothing_speaks_for_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert person((ORDINARY + 1, 0), str(tmp_path)) == ORDINARY + 1
    (tmp_path / "cgroup").write_text("0::/system.slice/nova.service\n")
    (tmp_path / "loginuid").write_text("4294967295")
    assert person((ORDINARY + 1, ORDINARY + 1), str(tmp_path)) is None
    (tmp_path / "loginuid").write_text("1001")
    assert person((ORDINARY + 1, ORDINARY + 1), str(tmp_path)) == ORDINARY + 1
    monkeypatch.setattr(os, "geteuid", lambda: ORDINARY + 1)
    assert person((ORDINARY + 1, ORDINARY + 1), str(tmp_path)) is None

"""Who has begun a process, as the kernel tells it."""

import os
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.core.recognition.place import IN_A_CONTAINER, Place
from masakarimonitors.processmonitor.sources.people import (
    ORDINARY,
    Origin,
    Person,
    is_nested,
    origin,
    person,
    place,
    users,
)

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
    theirs = (ORDINARY + 1, ORDINARY + 1)
    assert person((ORDINARY + 1, 0), str(tmp_path)) == Person(ORDINARY + 1, certain=False)
    (tmp_path / "cgroup").write_text("0::/system.slice/nova.service\n")
    (tmp_path / "loginuid").write_text("4294967295")
    assert person(theirs, str(tmp_path)) is None
    (tmp_path / "loginuid").write_text("1001")
    assert person(theirs, str(tmp_path)) == Person(ORDINARY + 1, certain=True)
    monkeypatch.setattr(os, "geteuid", lambda: ORDINARY + 1)
    assert person(theirs, str(tmp_path)) is None


@pytest.mark.parametrize(
    ("groups", "login", "begun"),
    [
        ("0::/openstack.slice/nova-compute.service\n", "4294967295", Origin.HOST),
        ("0::/openstack.slice/openstack-nova.slice/nova-compute.service/x\n", "4294967295", Origin.HOST),
        ("0::/a.slice/nova-compute.service\n", "", Origin.HOST),
        ("0::/operators.slice/cron.service\n", "4294967295", Origin.PERSON),
        ("0::/user.slice/user-1001.slice/user@1001.service/nova-compute.service\n", "", Origin.PERSON),
        ("0::/user.slice/user-1001.slice/session-3.scope\n", "1002", Origin.PERSON),
        ("0::/\n", "1001", Origin.PERSON),
        ("0::/\n", "1002", Origin.UNCLEAR),  # who has restarted it as root, where no init system begins it
        ("0::/openrc.nova-compute\n", "4294967295", Origin.UNCLEAR),
        ("0::/openstack.slice\n", "4294967295", Origin.UNCLEAR),
        ("", "", Origin.UNCLEAR),
    ],
)
def test_who_has_begun_it_is_unclear_where_the_kernel_does_not_tell(
    groups: str, login: str, begun: Origin
) -> None:
    assert origin(groups, login, (1001, 1001)) is begun


def test_a_pid_namespace_of_its_own_is_seen() -> None:
    assert not is_nested(STATUS)
    assert not is_nested(STATUS + b"NSpid:\t17\n")
    assert is_nested(STATUS + b"NSpid:\t17\t3\n")


def test_where_a_process_stands_is_read_from_where_the_init_system_does(tmp_path: Path) -> None:
    for pid, groups in ((1, "0::/docker/7/init.scope\n"), (7, "0::/docker/7/system.slice/x.service\n")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(groups)
    assert place(str(tmp_path / "7"), STATUS) == Place("x.service")
    assert place(str(tmp_path / "nobody"), STATUS) == Place()
    assert place(str(tmp_path / "nobody"), b"NSpid:\t17\t3\n") == Place(IN_A_CONTAINER, contained=True)

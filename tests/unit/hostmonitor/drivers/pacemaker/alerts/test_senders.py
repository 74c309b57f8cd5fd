"""Whose alerts are believed: by the user and group databases, with few look-ups and few words."""

import grp
import logging
import os
import pwd
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.senders import (
    FORGET,
    GROUP,
    PAUSE,
    USER,
    Accounts,
    Senders,
    known_accounts,
)

PATH = Path("/run/masakari-monitors/pacemaker-alert.sock")
STRANGER = 64001


class Databases:
    """What is known, and how often it was asked for."""

    def __init__(self, users: set[int], group: int | None = None) -> None:
        self.accounts = Accounts(frozenset(users), group)
        self.asked = 0

    def __call__(self) -> Accounts:
        self.asked += 1
        return self.accounts


def test_root_and_this_user_are_known_anywhere() -> None:
    assert {0, os.getuid(), os.geteuid()} <= known_accounts().users


@pytest.mark.skipif(
    not any(one.gr_name == GROUP for one in grp.getgrall()), reason="there is no group haclient here"
)
def test_the_user_and_the_members_of_pacemakers_group_are_known() -> None:
    known, group = known_accounts(), grp.getgrnam(GROUP)
    assert known.group == group.gr_gid
    assert {pwd.getpwnam(name).pw_uid for name in (USER, *group.gr_mem)} <= known.users


def test_those_who_are_known_are_believed_without_looking_again() -> None:
    databases = Databases({0, 189}, 190)
    senders = Senders(PATH, databases)
    assert senders.believes(0, 0) and senders.believes(189, 5) and senders.believes(STRANGER, 190)
    assert (databases.asked, senders.group) == (1, 190)


def test_without_a_group_no_group_is_believed() -> None:
    assert not Senders(PATH, Databases({0})).believes(STRANGER, 0)


class Scene:
    """Senders with a clock and databases of the test's own."""

    def __init__(self, *, pacemaker: bool = True) -> None:
        self.at = 1000.0
        self.databases = Databases({0})
        self.databases.accounts = Accounts(frozenset({0}), None, pacemaker)
        self.senders = Senders(PATH, self.databases, lambda: self.at)

    def learn(self) -> None:
        self.databases.accounts = Accounts(frozenset({0, 189}), 190)


def test_a_stranger_is_looked_up_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    with caplog.at_level(logging.WARNING):
        assert not any(scene.senders.believes(STRANGER, STRANGER) for _ in range(100))
    assert scene.databases.asked == 2
    (word,) = caplog.messages
    assert str(STRANGER) in word and str(PATH) in word and "the same user id here" in word


def test_whoever_was_refused_is_looked_up_again_after_a_while_and_not_named_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The user database comes up late, or Pacemaker is installed later."""
    scene = Scene()
    with caplog.at_level(logging.WARNING):
        assert not scene.senders.believes(189, 190)
        scene.learn()
        scene.at += FORGET - 1
        assert not scene.senders.believes(189, 5)
        scene.at += 1
        assert scene.senders.believes(189, 5)
        scene.databases.accounts = Accounts(frozenset({0}), None)
    assert len(caplog.messages) == 1


def test_while_pacemakers_own_accounts_are_missing_nobody_is_refused_for_long() -> None:
    scene = Scene(pacemaker=False)
    assert not scene.senders.believes(189, 190)
    scene.learn()
    scene.at += PAUSE
    assert scene.senders.believes(189, 190)


def test_a_user_with_many_ids_fills_neither_log_nor_memory(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    with caplog.at_level(logging.WARNING):
        for uid in range(100000, 102000):
            assert not scene.senders.believes(uid, uid)
            scene.at += PAUSE
    assert len(caplog.messages) == 100
    assert len(scene.senders._refused) == 100
    assert scene.senders.believes(0, 0)


def test_a_user_with_many_ids_hides_no_account_that_becomes_known() -> None:
    scene = Scene()
    for uid in range(100000, 165536):
        assert not scene.senders.believes(uid, uid)
    assert scene.databases.asked == 2
    scene.learn()
    scene.at += PAUSE
    assert scene.senders.believes(189, 190)


def test_one_that_was_not_looked_up_for_haste_is_looked_up_the_next_time() -> None:
    scene = Scene()
    assert not scene.senders.believes(STRANGER, STRANGER)
    scene.learn()
    assert not scene.senders.believes(189, 190)
    scene.at += PAUSE
    assert scene.senders.believes(189, 190)


@pytest.mark.parametrize(
    ("pacemaker", "words"), [(True, "the same user id"), (False, "neither a user hacluster")]
)
def test_alerts_that_are_refused_are_a_trouble_for_as_long_as_they_come(pacemaker: bool, words: str) -> None:
    scene = Scene(pacemaker=pacemaker)
    assert scene.senders.trouble() == ""
    for _ in range(3):
        scene.senders.believes(STRANGER, STRANGER)
        scene.at += FORGET - 1
        assert str(STRANGER) in scene.senders.trouble() and words in scene.senders.trouble()
    scene.at += 1
    assert scene.senders.trouble() == ""


def test_no_trouble_is_left_when_the_refused_one_is_believed() -> None:
    scene = Scene()
    assert not scene.senders.believes(189, 190)
    scene.learn()
    scene.at += FORGET
    assert scene.senders.believes(189, 190)
    assert scene.senders.trouble() == ""


def test_who_becomes_known_before_he_first_writes_is_believed() -> None:
    databases = Databases({0})
    senders = Senders(PATH, databases)
    databases.accounts = Accounts(frozenset({0, 189}), 190)
    assert senders.believes(189, 190)

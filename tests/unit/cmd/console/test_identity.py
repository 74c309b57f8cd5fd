"""Who types, for people."""

import os
import pwd

import pytest

from masakarimonitors.cmd.console.identity import me


def test_a_name_and_who_stands_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    name = pwd.getpwuid(os.getuid()).pw_name
    assert me() == name
    monkeypatch.setenv("SUDO_USER", "alice\n")
    assert me() == rf"{name}, by sudo of alice\n"


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert me() == "no name"

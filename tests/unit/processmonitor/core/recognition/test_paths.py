"""Paths as two may tell them: in full, or from a folder that the other does not know."""

import pytest

from masakarimonitors.processmonitor.core.recognition.paths import is_named, may_be, may_end


@pytest.mark.parametrize("relative", ["x", "./x", "bin/x", "./bin//x", "../x", "../../bin/x", "bin/../bin/x"])
def test_a_relative_path_is_one_from_whichever_folder(relative: str) -> None:
    assert may_end("/srv/bin/x", relative) and may_end("bin/x", relative)
    assert is_named(relative, "/srv/bin/x") and is_named(relative, "/srv/bin/./x")
    assert may_be("/srv/bin/x", relative) and may_be(relative, "/srv/bin/x")
    assert may_be("--conf=/srv/bin/x", f"--conf={relative}")


@pytest.mark.parametrize(
    "relative", ["", ".", "..", "./", "../..", "in/x", "sbin/x", "bin/x.py", "/srv/bin/x", "/bin/x"]
)
def test_no_other_path_ends_so(relative: str) -> None:
    assert not may_end("/srv/bin/x", relative)
    assert not may_be("/srv/bin/x", relative) or relative == "/srv/bin/x"


def test_where_a_link_leads_is_what_is_named() -> None:
    assert is_named("/srv/current/x", "/srv/seven/x", "/srv/seven/x")
    assert not is_named("/srv/current/x", "/srv/eight/x", "/srv/seven/x")


@pytest.mark.parametrize(
    ("one", "other"), [("--conf=/a/x", "--log=x"), ("a/x", "b/x"), ("x", ""), ("", "/a"), ("-v", "-x")]
)
def test_other_words_are_other_words(one: str, other: str) -> None:
    assert not may_be(one, other) and not may_be(other, one)

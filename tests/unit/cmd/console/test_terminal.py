"""What tools print is text: a terminal has nothing to obey in it, whoever wrote it."""

import io

import pytest

from masakarimonitors.cmd.console.terminal import say

HOSTILE = "a\nok       forged\x1b[2J\r"


def test_one_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    assert capsys.readouterr().out == r"a\nok       forged\x1b[2J\r" + "\n"


def test_several_lines_are_kept_and_nothing_else() -> None:
    there = io.StringIO()
    say(HOSTILE, lines=True, to=there)
    assert there.getvalue() == "a\nok       forged\\x1b[2J\\r\n"

"""How a command ended, by the agent's own words, and bounded searches in what it printed."""

import base64
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.sources.output import (
    LONGEST,
    BadExpression,
    End,
    Expression,
    Undecided,
    end_of,
)


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("status", "end"),
    [
        ({"exitcode": 3}, End(3, None, "")),
        ({"signal": 9}, End(None, 9, "")),
        (
            {"exitcode": 0, "out-data": encoded(b"out\n"), "err-data": encoded(b"err")},
            End(0, None, "out\nerr"),
        ),
        ({"exitcode": 0, "out-data": encoded(b"\xff")}, End(0, None, "\ufffd")),
        ({"exitcode": 0, "out-data": "a"}, End(0, None, "")),
        ({"exitcode": 0, "out-data": "é"}, End(0, None, "")),
        ({"exitcode": 0, "out-data": encoded(b"a" * (1 << 20))}, End(0, None, "a" * LONGEST)),
    ],
)
def test_how_it_ended(status: dict[str, Any], end: End) -> None:
    assert end_of(status) == end


@pytest.mark.parametrize(
    "status", [{"exitcode": "0"}, {"exitcode": True}, {"signal": []}, {"exitcode": 0, "out-data": 7}]
)
def test_nonsense_is_refused(status: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the agent calls"):
        end_of(status)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^ready$", "starting\nready\n", True),
        ("^ready$", "not ready", False),
        (r'"status": *"ok"', '{"status":  "ok"}', True),
        (r"(?i)OK(?!ay)", "it is ok", True),
        (r"(\w)\1", "aa", True),
        ("a||b", "x", True),
    ],
)
def test_it_searches_as_pythons_own_expressions_do(pattern: str, text: str, found: bool) -> None:
    assert Expression(pattern).found_in(text) is found


def test_a_search_that_would_take_for_ever_is_given_up() -> None:
    with pytest.raises(Undecided, match="write it without repetitions inside of repetitions"):
        Expression("(a|aa)+$").found_in("a" * 100 + "b")


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(BadExpression, match="missing"):
        Expression("(")

"""What is said of the monitors of all hosts in a line each."""

from typing import Any

import pytest

from masakarimonitors.status.fleet import lines


def test_what_was_read_is_counted_with_its_time() -> None:
    told = {
        "counts": {"as others": 997, "differs": 2, "silent": 0},
        "version": "21.0",
        "strangers": 3,
        "read": "2026-01-01T12:00:01.5+00:00",
        "not_told": "",
        "not_read": "",
        "seen_by": "",
    }
    assert lines(told) == [
        "the monitors of all hosts: 997 as others, 2 differs; most have version 21.0; 3 speak for hosts that are not "
        "known here; as read 2026-01-01 12:00:01 UTC"
    ]


def test_who_does_not_read_says_who_does_and_what_is_in_the_way() -> None:
    assert lines({"seen_by": "node02", "not_told": "403"}) == [
        "the monitors of other hosts are not told how this one is: 403",
        "how the monitors of all hosts stand beside each other is seen by node02",
    ]
    assert lines({"seen_by": "", "not_read": "500"}) == [
        "what the monitors of other hosts say cannot be read: 500"
    ]


@pytest.mark.parametrize("told", [None, {}, "x", [], {"counts": []}])
def test_where_nothing_is_told_nothing_is_said(told: Any) -> None:
    assert lines(told) == []

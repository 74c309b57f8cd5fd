"""The way to masakari that third-party host drivers take: it leads to whoever has opened the door."""

from collections.abc import Mapping
from typing import Any

import pytest

from masakarimonitors.ha.masakari import SendNotification, open_door

EVENT = {"notification": {"type": "COMPUTE_HOST", "hostname": "node05"}}


def send() -> None:
    SendNotification().send_notification(12, 10, EVENT)


def test_without_a_monitor_nothing_can_be_sent() -> None:
    with pytest.raises(RuntimeError, match="no host monitor"):
        SendNotification().send_notification(1, 1, EVENT)


def test_an_event_goes_unchanged_through_the_door_until_it_is_closed() -> None:
    heard: list[Mapping[str, Any]] = []
    close = open_door(lambda event, patience: heard.append(event))
    try:
        send()
    finally:
        close()
    assert len(heard) == 1 and heard[0] is EVENT
    with pytest.raises(RuntimeError, match="no host monitor"):
        send()
    assert len(heard) == 1


def test_the_door_that_was_opened_last_is_taken_and_the_earlier_one_again_when_it_is_closed() -> None:
    """A source that is started again may open its door before the old one is closed."""
    heard: list[str] = []
    close_first = open_door(lambda event, patience: heard.append("first"))
    close_second = open_door(lambda event, patience: heard.append("second"))
    try:
        send()
    finally:
        close_second()
    try:
        send()
    finally:
        close_first()
    assert heard == ["second", "first"]


def test_a_fault_behind_the_door_is_the_drivers_to_see() -> None:
    def refuse(event: Mapping[str, Any], patience: float) -> None:
        raise OSError("no")

    close = open_door(refuse)
    try:
        with pytest.raises(OSError, match="no"):
            send()
    finally:
        close()


@pytest.mark.parametrize(
    ("tries", "interval", "patience"),
    [
        (12, 10, 120.0),
        (60, "30", 1800.0),
        (0, 10, 0.0),
        (-1, 10, 0.0),
        (None, 10, 0.0),
        ("nan", "inf", 0.0),
        (10**9, 10, 86400.0),
    ],
)
def test_for_how_long_the_driver_wants_it_tried_goes_along(
    tries: Any, interval: Any, patience: float
) -> None:
    heard: list[float] = []
    close = open_door(lambda event, seconds: heard.append(seconds))
    try:
        SendNotification().send_notification(tries, interval, EVENT)
    finally:
        close()
    assert heard == [patience]

"""The table of fates: whole, and each line of it a sentence that must hold."""

import datetime
import itertools
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    Notification,
    ProcessNotification,
    VmNotification,
)
from masakarimonitors.masakari_answers import Delivered, Duplicate, Refused
from masakarimonitors.outbox.delivery.fates import FATES, Answer, Fate, Presence, answer_of, must_ask
from masakarimonitors.outbox.rows import Row

NOW = Instant(0.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


def host(event: HostEvent) -> HostNotification:
    return HostNotification(
        "c1",
        NOW.wall,
        event=event,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=HostStatus.NORMAL,
    )


DOWN, BACK = host(HostEvent.STOPPED), host(HostEvent.STARTED)
DIED = ProcessNotification("c1", NOW.wall, HostEvent.STOPPED, "nova-compute")
CRASHED = VmNotification("c1", NOW.wall, event="LIFECYCLE", instance_uuid="u", vir_domain_event="x")


def row(notification: Notification = DOWN) -> Row:
    return Row.new(1, notification, "why", NOW)


def test_every_answer_has_a_fate_whatever_is_known() -> None:
    for answer, presence in itertools.product(Answer, Presence):
        asked = any(must_ask(answer, row(), doubted=doubted) for doubted in (True, False))
        if presence is Presence.NEVER_OFFERED or asked:
            assert (answer, presence) in FATES


def test_what_masakari_does_not_have_is_delivered_by_its_acceptance_alone() -> None:
    delivered = {pair for pair, fate in FATES.items() if fate is Fate.DELIVERED}
    assert {answer for answer, presence in delivered if presence is Presence.ABSENT} == {Answer.ACCEPTED}
    assert {answer for answer, presence in delivered if presence is Presence.NEVER_OFFERED} == {
        Answer.ACCEPTED
    }


def test_only_a_return_is_needless() -> None:
    assert {answer for (answer, _), fate in FATES.items() if fate is Fate.NEEDLESS} == {
        Answer.RETURN_ON_MAINTENANCE
    }


RESTING = Refused("409", "", maintenance=True)


@pytest.mark.parametrize(
    ("outcome", "notification", "answer"),
    [
        (Delivered("202"), DOWN, Answer.ACCEPTED),
        (Duplicate("409"), DOWN, Answer.DUPLICATE),
        (Refused("400", ""), BACK, Answer.REFUSED),
        (RESTING, DOWN, Answer.MAINTENANCE),
        (RESTING, BACK, Answer.RETURN_ON_MAINTENANCE),
        (RESTING, DIED, Answer.MAINTENANCE),
        (RESTING, CRASHED, Answer.MAINTENANCE),
    ],
)
def test_what_was_answered_about_what(outcome: Any, notification: Notification, answer: Answer) -> None:
    assert answer_of(outcome, row(notification)) is answer


@pytest.mark.parametrize(
    ("answer", "notification", "doubted", "asked"),
    [
        (Answer.ACCEPTED, DOWN, True, False),
        (Answer.DUPLICATE, DOWN, False, True),
        (Answer.DUPLICATE, DIED, False, False),
        (Answer.DUPLICATE, DIED, True, True),
        (Answer.DUPLICATE, CRASHED, True, True),
        (Answer.MAINTENANCE, DOWN, False, True),
        (Answer.MAINTENANCE, DIED, False, False),
        (Answer.MAINTENANCE, DIED, True, True),
        (Answer.RETURN_ON_MAINTENANCE, BACK, True, False),
        (Answer.REFUSED, DOWN, True, False),
    ],
)
def test_masakari_is_asked_only_where_that_decides(
    answer: Answer, notification: Notification, doubted: bool, asked: bool
) -> None:
    assert must_ask(answer, row(notification), doubted=doubted) is asked

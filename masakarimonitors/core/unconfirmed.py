"""A report that a monitor's last life left undelivered: does what it says still hold? The words of that question.

In: one such report. Out, from the monitor whose report it was: it is confirmed, it is withdrawn, or it cannot be said
yet, and why. Until a monitor has said one of the first two, nobody is told; time says neither.
"""

from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.core.notification import Notification


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A report about `subject` from before this start, as it was made.

    `told`: what it says; a process may have lost the path before its name, which `subject` still has.
    """

    subject: str
    told: Notification


class Say(StrEnum):
    """What a monitor may say of such a report."""

    CONFIRM = "confirm"
    """What it says was seen to hold in this life: it may be delivered."""
    WITHDRAW = "withdraw"
    """It holds no longer, or concerns nobody any more."""
    WAIT = "wait"
    """What it is about was not yet looked at, or cannot be seen: nobody knows."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a monitor says of one such report; `why` goes on from "it is confirmed", "... withdrawn", "... held".

    `forgotten`: it is withdrawn although nobody has seen that it is over, so a person must look.
    """

    say: Say
    why: str
    forgotten: bool = False


def confirm(why: str) -> Word:
    """It may be delivered."""
    return Word(Say.CONFIRM, why)


def withdraw(why: str) -> Word:
    """It is over."""
    return Word(Say.WITHDRAW, why)


def forget(why: str) -> Word:
    """Nobody watches any more what it is about."""
    return Word(Say.WITHDRAW, why, forgotten=True)


def wait(why: str) -> Word:
    """It cannot be said yet."""
    return Word(Say.WAIT, why)

"""Where a report about an instance stands between us and the end of masakari's work on it: one table; pure.

In: where it stands, and what was seen of it at masakari. Out: where it stands then.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum

from masakarimonitors.core.notification import Notification, VmNotification


class Lane(Enum):
    """What masakari's engine does with a report."""

    RECOVERED = "it restarts an instance"
    FILED = "it files it"
    HOST = "it recovers the whole host"


def lane_of(notification: Notification | None) -> Lane | None:
    """The lane of a report that is paced; None for one that never waits."""
    if not isinstance(notification, VmNotification):
        return None
    return Lane.RECOVERED if notification.is_acted_on else Lane.FILED


class Stage(StrEnum):
    """Where a report stands between us and the end of masakari's work on it."""

    OFFERED = "on its way to masakari"
    STANDING = "masakari has it, and its engine has not ended with it"
    UNREAD = "it should have ended, and nobody can read whether it has: nobody waits for it"
    OVERDUE = "it stands longer than the engine can take: nobody waits for it"
    NOT_TAKEN = "masakari has not taken it, as far as is known"
    ENDED = "the engine has ended with it"
    GIVEN_UP = "the engine has given it up"
    FORGOTTEN = "masakari does not know it any more, or a day has passed: nobody looks at it any more"


class Sign(Enum):
    """What was seen of a report at masakari."""

    TAKEN = "202"
    NOT_TAKEN = "any other answer, or none"
    UNFINISHED = "new, running or error"
    FINISHED = "finished"
    IGNORED = "ignored"
    FAILED = "failed"
    UNKNOWN = "404"
    LATE = "more time has passed than the engine can take"
    UNREAD = "so much time has passed, and nobody can read what has become of it"
    LAPSED = "more than a day has passed, after which the engine itself gives up"


MOVES: Mapping[tuple[Stage, Sign], Stage] = {
    (Stage.OFFERED, Sign.TAKEN): Stage.STANDING,
    (Stage.OFFERED, Sign.NOT_TAKEN): Stage.NOT_TAKEN,
    (Stage.STANDING, Sign.UNFINISHED): Stage.STANDING,
    (Stage.STANDING, Sign.LATE): Stage.OVERDUE,
    # What nobody can read has not ended: people are told, and it is looked at as soon as somebody can.
    (Stage.STANDING, Sign.UNREAD): Stage.UNREAD,
    (Stage.UNREAD, Sign.UNREAD): Stage.UNREAD,
    (Stage.UNREAD, Sign.UNFINISHED): Stage.UNREAD,
    (Stage.UNREAD, Sign.LATE): Stage.OVERDUE,
    (Stage.UNREAD, Sign.LAPSED): Stage.FORGOTTEN,
    # However old it is, it is not dropped before people were told.
    (Stage.STANDING, Sign.LAPSED): Stage.OVERDUE,
    # It is looked at further: what stands for good after a crash of the engine is given up by it a day later.
    (Stage.OVERDUE, Sign.UNFINISHED): Stage.OVERDUE,
    (Stage.OVERDUE, Sign.LATE): Stage.OVERDUE,
    (Stage.OVERDUE, Sign.UNREAD): Stage.OVERDUE,
    (Stage.OVERDUE, Sign.LAPSED): Stage.FORGOTTEN,
    **{
        (stage, sign): end
        for stage in (Stage.STANDING, Stage.UNREAD, Stage.OVERDUE)
        for sign, end in (
            (Sign.FINISHED, Stage.ENDED),
            (Sign.IGNORED, Stage.ENDED),
            (Sign.FAILED, Stage.GIVEN_UP),
            (Sign.UNKNOWN, Stage.FORGOTTEN),
        )
    },
}
"""Every move that there is; a sign without one changes nothing."""

COUNTED = frozenset({Stage.OFFERED, Stage.STANDING})
"""The stages in which a report takes one of its host's places."""
TOO_LONG = frozenset({Stage.UNREAD, Stage.OVERDUE})
"""The stages of what stands for longer than the engine can take, as far as is known."""
KEPT = COUNTED | TOO_LONG
"""The stages in which a report is still looked at."""

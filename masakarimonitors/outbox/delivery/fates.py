"""What masakari-api's answer to an offer means for its row: one table; pure.

In: the answer, whether this very report may have been there before, and, where that decides, whether
masakari has it. Out: the row's fate. An answer alone proves nothing: "duplicate" may speak of an older
failure, and "maintenance" of what our own report has brought about.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum

from masakarimonitors.core.notification import HostEvent, HostNotification, Notification
from masakarimonitors.masakari_answers import Delivered, Duplicate, Refused
from masakarimonitors.outbox.rows import Row


class Answer(Enum):
    """What masakari-api has said to an offer; an answer that says nothing about the row is none of these."""

    ACCEPTED = "202"
    DUPLICATE = "409, an equal report was there before"
    RETURN_ON_MAINTENANCE = "409, it is on maintenance, to the report that it is back"
    MAINTENANCE = "409, the host is on maintenance"
    REFUSED = "any other refusal"


class Presence(Enum):
    """Whether masakari has this report, as far as it is known."""

    NEVER_OFFERED = "no earlier offer of it can have arrived, and nothing says that another's has"
    THERE = "masakari has it"
    ABSENT = "masakari does not have it"
    UNKNOWN = "it may be there, and masakari cannot be asked"


class Fate(StrEnum):
    """What becomes of the row."""

    DELIVERED = "masakari has it"
    SWALLOWED = "an older report hides it: it is offered again when the window is over, with the present time"
    NEEDLESS = "masakari has no use for it: no failure, and nothing to look at"
    REFUSED = "masakari will not take it: someone must look"


FATES: Mapping[tuple[Answer, Presence], Fate] = {
    **{(Answer.ACCEPTED, presence): Fate.DELIVERED for presence in Presence},
    (Answer.DUPLICATE, Presence.NEVER_OFFERED): Fate.SWALLOWED,
    (Answer.DUPLICATE, Presence.ABSENT): Fate.SWALLOWED,
    (Answer.DUPLICATE, Presence.THERE): Fate.DELIVERED,
    # It was offered, and masakari says that it has its like: told again it could be recovered a second time.
    (Answer.DUPLICATE, Presence.UNKNOWN): Fate.DELIVERED,
    # masakari's engine puts on maintenance what it recovers and takes nothing back: so it answers every return.
    **{(Answer.RETURN_ON_MAINTENANCE, presence): Fate.NEEDLESS for presence in Presence},
    (Answer.MAINTENANCE, Presence.NEVER_OFFERED): Fate.REFUSED,
    (Answer.MAINTENANCE, Presence.ABSENT): Fate.REFUSED,
    (Answer.MAINTENANCE, Presence.UNKNOWN): Fate.REFUSED,
    # The maintenance is what the report has brought about.
    (Answer.MAINTENANCE, Presence.THERE): Fate.DELIVERED,
    **{(Answer.REFUSED, presence): Fate.REFUSED for presence in Presence},
}


def answer_of(outcome: Delivered | Duplicate | Refused, row: Row) -> Answer:
    """What was answered about the row."""
    if isinstance(outcome, Delivered):
        return Answer.ACCEPTED
    if isinstance(outcome, Duplicate):
        return Answer.DUPLICATE
    if not outcome.maintenance:
        return Answer.REFUSED
    return Answer.RETURN_ON_MAINTENANCE if _is_return(row.notification) else Answer.MAINTENANCE


def must_ask(answer: Answer, row: Row, *, doubted: bool) -> bool:
    """Whether the fate depends on what masakari has.

    `doubted`: this very report may have arrived before, as far as this run knows. A host's failure may also be there
    by another monitor's report.
    """
    if answer not in (Answer.DUPLICATE, Answer.MAINTENANCE):
        return False
    return doubted or isinstance(row.notification, HostNotification)


def _is_return(notification: Notification | None) -> bool:
    return notification is not None and notification.payload["event"] == HostEvent.STARTED.value


EXPECTED = "masakari has the host on maintenance, as always after a recovery, and needs no word of its return"
"""Why a report of a host's return is not needed."""
BACK_IN_SERVICE = (
    "masakari has not taken the report that %s is back (%s): what it has recovered it keeps on maintenance, and "
    "disabled in nova. When the host can be trusted again: `openstack segment host update <segment> <host> "
    "--on_maintenance False` and `openstack compute service set --enable <host> nova-compute`"
)
"""What people are told then: the subject, and the answer."""

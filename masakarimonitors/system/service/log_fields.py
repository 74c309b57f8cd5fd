"""What a line of the log is about, for programs: an event's name and its fields, beside the words for people.

In: the name and the fields, for `extra=` of a call of the log. Out: in JSON they stand under `extra`, in the journal as
fields of their own (`journalctl SUBJECT=host:node05`), and in a plain line nowhere: its words say the same.
"""

from collections.abc import Mapping

from masakarimonitors.core.printable import masked, printable

FIELDS = ("event", "monitor", "subject", "ruling", "reason", "report_id", "notification_id", "answer", "who")
"""Every field that there is; in the journal in capitals."""

_LONGEST = 1000


def event(name: str, **fields: object) -> Mapping[str, object]:
    """The event `name` with these of the `FIELDS`; empty ones are left out. Raises ValueError for an unknown one."""
    unknown = fields.keys() - set(FIELDS)
    if unknown:
        raise ValueError(f"no fields of the log: {', '.join(sorted(unknown))}")
    told = {
        "event": name,
        **{key: printable(masked(str(value)), _LONGEST) for key, value in fields.items() if value != ""},
    }
    return {**told, "extra_keys": tuple(told)}

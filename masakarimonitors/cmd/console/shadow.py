"""How a shadow agrees with those who act, in words for people."""

from typing import Any

from masakarimonitors.cmd.console import tables
from masakarimonitors.core.agreement.book import Agreement
from masakarimonitors.core.outside import moment


def in_a_line(told: Any) -> str:
    """The counts, since when, and what is in the way."""
    counts = ", ".join(f"{told['agreement'].get(one.value, 0)} {one.value}" for one in Agreement)
    since, read = moment(told.get("since")), moment(told.get("read"))
    text = f"{counts}; since {tables.for_people(since)} UTC" if since else counts
    text += f", masakari last read {tables.for_people(read)} UTC" if read else ""
    if told.get("not_compared"):
        text += f"; {told['not_compared']} were too many to compare"
    return f"{text}; {told['trouble']}" if told.get("trouble") else text

"""What people are told of silences: verdicts, rows, and the gate that each of them shuts. Pure."""

import datetime
from collections.abc import Sequence

from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.core.explained import Explained, Standing
from masakarimonitors.core.silences.book import MEMORY, Book, Happened, Kept
from masakarimonitors.core.silences.silence import Act, Silence, Stage

GATE = "nobody has silenced it"
"""The name of the gate, for every monitor."""

HOLDS = "holds"
"""The state of a silence in the status."""

RELEASE = "`masakari-monitors silence end ID`; else it ends by itself, and what fails then is judged anew."
"""What a person does about a failure that a silence holds."""

_NAMED = 20


def moment(at: datetime.datetime) -> str:
    """As everywhere in the status."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def holds(kept: Kept) -> str:
    """Why a report is held, as a clause."""
    silence = kept.silence
    return f"{silence.author} has silenced {silence.whom} until {moment(kept.end.wall)}: {silence.reason}"


def verdict(happened: Happened, failing: Sequence[str]) -> Verdict:
    """What has happened to a silence; `failing`: the names of those it held of whom a failure is still to be told."""
    silence, subject = happened.silence, MEMORY + happened.silence.key
    if happened.act is Act.BEGIN:
        why = (
            f"reports about {silence.whom} are held until {moment(silence.until)}: {silence.reason}. What fails is "
            "seen as before, and not told"
        )
        return Verdict(subject, Ruling.HELD, why, evidence=silence.author, alarm=True)
    end = (
        f"the silence of {silence.whom} is over, its time has come"
        if happened.act is Act.ALARM
        else f"the silence of {silence.whom} was ended by {silence.ended_by}"
    )
    if not failing:
        return Verdict(
            subject, Ruling.RECOVERED, f"{end}; nothing that it held fails", evidence=silence.author
        )
    more = f" and {len(failing) - _NAMED} more" if len(failing) > _NAMED else ""
    why = (
        f"{end}, and of those that it held these still fail: {', '.join(failing[:_NAMED])}{more}. Each is judged as if "
        "it had failed without it, and told to masakari when no other gate holds it"
    )
    return Verdict(subject, Ruling.ACTED, why, evidence=silence.author, alarm=True)


def row(kept: Kept, what: str) -> tuple[str, str, str]:
    """Subject, state and detail for the status; `what`: who it is of here, in words."""
    silence = kept.silence
    detail = (
        f"reports about {silence.whom} ({what}) are held until {moment(kept.end.wall)}, as {silence.author} wants: "
        f"{silence.reason}"
    )
    return MEMORY + silence.key, HOLDS, detail


def explained(book: Book, subject: str) -> Explained | None:
    """How a silence itself stands; None for any other subject, and for one that nobody knows."""
    kept = book.kept.get(subject.removeprefix(MEMORY)) if subject.startswith(MEMORY) else None
    if kept is None:
        return None
    silence = kept.silence
    ends = {
        Stage.HOLDS: f"until {moment(kept.end.wall)}",
        Stage.ENDED: f"and was ended by {silence.ended_by}",
        Stage.OVER: "and is over",
    }.get(kept.stage, "")
    why = f"{silence.author} has silenced {silence.whom} {ends}: {silence.reason}"
    standing = Standing.OFF if kept.stage is Stage.HOLDS else Standing.WELL
    return Explained(subject=subject, standing=standing, why=why, since=silence.made)


def silenced(silence: Silence) -> str:
    """Whom, until when."""
    return f"holds reports about {silence.whom} until {moment(silence.until)}"

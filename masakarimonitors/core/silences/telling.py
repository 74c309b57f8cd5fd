"""What people are told of silences: verdicts, rows, and the gate that each of them shuts. Pure."""

import datetime
from collections.abc import Callable, Mapping, Sequence

from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.core.explained import Explained, Standing
from masakarimonitors.core.printable import printable
from masakarimonitors.core.silences.book import MEMORY, Book, Happened, Kept, Step
from masakarimonitors.core.silences.silence import FURTHEST, MOST, Act, Silence, Stage

GATE = "nobody has silenced it"
"""The name of the gate, for every monitor."""

HOLDS = "holds"
"""The state of a silence in the status."""

RELEASE = "`masakari-monitors silence end ID`; else it ends by itself, and what fails then is judged anew."
"""What a person does about a failure that a silence holds."""

_NAMED = 20

_UNREAD = (
    "what was kept on disk of this silence makes no sense to this release: it holds nothing here, and what fails is "
    "told. Add it again if it is still wanted"
)

_NOTHING_HERE = "of {whom}, until {until}, holds nothing here, and what fails is told: "
_REFUSED: Mapping[Act, str] = {
    Act.REFUSE_FAR: f"its end is more than {FURTHEST.days} days away by this host's clock. Look whose clock is wrong, "
    "and whether somebody has written it by hand; it counts here as soon as its end is near enough",
    Act.REFUSE: f"{MOST} hold already, or too many are known that hold no longer. End some; it counts here as soon as "
    "there is room",
}


def left_out(count: int, where: str) -> str:
    """For people: so many of the silences that stand `where` make no sense here; empty if none."""
    if not count:
        return ""
    return (
        f"{count} of the silences {where} make no sense to this release, and hold nothing here: a later one may have "
        "written them, or somebody by hand. Look with `masakari-monitors silence list` on the other hosts, and let all "
        "hosts have one release"
    )


def moment(at: datetime.datetime) -> str:
    """As everywhere in the status."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def holds(kept: Kept) -> str:
    """Why a report is held, as a clause."""
    silence = kept.silence
    return f"{silence.author} has silenced {silence.whom} until {moment(kept.end.wall)}: {silence.reason}"


def verdicts(step: Step, failing: Callable[[Silence], Sequence[str]]) -> tuple[Verdict, ...]:
    """All that has happened; `failing`: of those that a silence held, the names of whom a failure is still untold."""
    unread = tuple(Verdict(printable(key, 60), Ruling.ACTED, _UNREAD, alarm=True) for key in step.unread)
    return unread + tuple(verdict(one, failing(one.silence)) for one in step.happened)


def verdict(happened: Happened, failing: Sequence[str]) -> Verdict:
    """What has happened to a silence; `failing`: the names of those it held of whom a failure is still to be told."""
    silence, subject = happened.silence, MEMORY + happened.silence.key
    if happened.act is Act.BEGIN:
        why = (
            f"reports about {silence.whom} are held until {moment(silence.until)}: {silence.reason}. What fails is "
            "seen as before, and not told"
        )
        return Verdict(subject, Ruling.HELD, why, evidence=silence.author, alarm=True)
    if happened.act in _REFUSED:
        whose = _NOTHING_HERE.format(whom=silence.whom, until=moment(silence.until))
        why = f"the silence {whose}{_REFUSED[happened.act]}"
        return Verdict(subject, Ruling.ACTED, why, evidence=silence.author, alarm=True)
    if happened.act is Act.ALARM_AWAY:
        seen = f" When it was last seen, these failed: {_names(failing)}." if failing else ""
        why = (
            f"the silence of {silence.whom} is over, its time has come while this monitor did not run, and whether "
            f"anything that it held still fails is not known yet.{seen} Each is looked at now, judged as if it had "
            "failed without it, and told to masakari when no other gate holds it"
        )
        return Verdict(subject, Ruling.ACTED, why, evidence=silence.author, alarm=True)
    end = (
        f"the silence of {silence.whom} is over, its time has come"
        if happened.act is Act.ALARM
        else f"the silence of {silence.whom} was ended by {silence.ended_by}"
    )
    if not failing:
        return Verdict(
            subject, Ruling.RECOVERED, f"{end}; nothing that it held fails", evidence=silence.author
        )
    why = (
        f"{end}, and of those that it held these still fail: {_names(failing)}. Each is judged as if "
        "it had failed without it, and told to masakari when no other gate holds it"
    )
    return Verdict(subject, Ruling.ACTED, why, evidence=silence.author, alarm=True)


def _names(failing: Sequence[str]) -> str:
    more = f" and {len(failing) - _NAMED} more" if len(failing) > _NAMED else ""
    return f"{', '.join(failing[:_NAMED])}{more}"


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

"""What this monitor has seen of an outage, and what it knows of masakari's flag since: three small tables of moves.

Pure. How much of the failure was watched (`Watch`), whether the host lives on a link (`Living`), and what has become
of masakari's maintenance flag since it failed (`Flag`). Whatever happens to one of them is a `Seen`; each table lists
every pair.
"""

from collections.abc import Mapping
from enum import StrEnum


class Seen(StrEnum):
    """What moves one of them."""

    LOST = "lost from sight"
    """It is not known to fail at this moment, so it may be up, and what fails then be another failure."""
    TOLD = "told anew"
    """A report of it as it is now has been made."""
    TAKEN = "taken by masakari"
    """masakari has said that it has the report."""
    ANEW = "another failure"
    """What was told was of one before it."""

    LIVING = "seen up"
    """It is up on a link."""
    FALLEN = "fallen"
    """No link shows it up any more, seen or not."""
    HIDDEN = "out of sight"
    """None of the links that are seen now shows it up, and one that is not may."""

    FLAGGED = "flagged"
    """masakari has it on maintenance, and there is a report of it."""
    LIFTED = "flag lifted"
    """Somebody has taken it off masakari's maintenance."""


class Watch(StrEnum):
    """How much of its failure this monitor has watched."""

    WHOLE = "from its beginning"
    """So the host was up before it, and is not known to have been since."""
    BROKEN = "from its beginning, with a break"
    FOUND = "found failing"
    """Its beginning was not seen here, nor all that was since its report."""
    SINCE_TOLD = "since its report"
    """Its beginning was not seen here, but all that was since its report."""

    @property
    def begun(self) -> bool:
        """Whether its beginning was seen here."""
        return self in (Watch.WHOLE, Watch.BROKEN)

    @property
    def gap(self) -> bool:
        """Whether it was not seen to fail all the time since its report: it may have been up since."""
        return self in (Watch.BROKEN, Watch.FOUND)


class Living(StrEnum):
    """Whether it was up on a link when it was judged last."""

    NOWHERE = "up on no link"
    SOMEWHERE = "up on a link"


class Flag(StrEnum):
    """masakari's maintenance flag since the host failed."""

    NEVER = "not seen"
    SET = "set since its report"
    LIFTED = "lifted"
    """Somebody has taken it off since the host failed, so has looked at it; it was not seen since the report."""
    SET_AND_LIFTED = "set since its report, and lifted once"
    """Which of the two was first does not matter to anybody."""

    @property
    def was_set(self) -> bool:
        """Whether masakari has put the host on maintenance since its report."""
        return self in (Flag.SET, Flag.SET_AND_LIFTED)

    @property
    def looked_at(self) -> bool:
        """Whether somebody has taken the host off masakari's maintenance since it failed."""
        return self in (Flag.LIFTED, Flag.SET_AND_LIFTED)


_W, _L, _F = Watch, Living, Flag

WATCHED: Mapping[tuple[Watch, Seen], Watch] = {
    (_W.WHOLE, Seen.LOST): _W.BROKEN,
    (_W.BROKEN, Seen.LOST): _W.BROKEN,
    (_W.FOUND, Seen.LOST): _W.FOUND,
    (_W.SINCE_TOLD, Seen.LOST): _W.FOUND,
    (_W.WHOLE, Seen.TOLD): _W.WHOLE,
    (_W.BROKEN, Seen.TOLD): _W.WHOLE,
    (_W.FOUND, Seen.TOLD): _W.SINCE_TOLD,
    (_W.SINCE_TOLD, Seen.TOLD): _W.SINCE_TOLD,
    **{(watch, Seen.ANEW): _W.FOUND for watch in Watch},
}
"""How much is watched, and what happens to that -> how much from then on."""

LIVED: Mapping[tuple[Living, Seen], Living] = {
    **{(living, Seen.LIVING): _L.SOMEWHERE for living in Living},
    **{(living, Seen.FALLEN): _L.NOWHERE for living in Living},
    **{(living, Seen.HIDDEN): _L.NOWHERE for living in Living},
}
"""Where it lived, and what is seen now -> where it lives."""

FLAGS: Mapping[tuple[Flag, Seen], Flag] = {
    (_F.NEVER, Seen.FLAGGED): _F.SET,
    (_F.SET, Seen.FLAGGED): _F.SET,
    (_F.LIFTED, Seen.FLAGGED): _F.SET_AND_LIFTED,
    (_F.SET_AND_LIFTED, Seen.FLAGGED): _F.SET_AND_LIFTED,
    (_F.NEVER, Seen.LIFTED): _F.LIFTED,
    (_F.SET, Seen.LIFTED): _F.SET_AND_LIFTED,
    (_F.LIFTED, Seen.LIFTED): _F.LIFTED,
    (_F.SET_AND_LIFTED, Seen.LIFTED): _F.SET_AND_LIFTED,
    # The flag was of the failure before; that somebody has looked at the host stays true.
    (_F.NEVER, Seen.ANEW): _F.NEVER,
    (_F.SET, Seen.ANEW): _F.NEVER,
    (_F.LIFTED, Seen.ANEW): _F.LIFTED,
    (_F.SET_AND_LIFTED, Seen.ANEW): _F.LIFTED,
    # Nor is it of the report that is made now: masakari sets it anew, or a person would be told of nothing.
    (_F.NEVER, Seen.TOLD): _F.NEVER,
    (_F.SET, Seen.TOLD): _F.NEVER,
    (_F.LIFTED, Seen.TOLD): _F.LIFTED,
    (_F.SET_AND_LIFTED, Seen.TOLD): _F.LIFTED,
    # While it is set masakari takes no report, so one that was lifted before was not of the report that it takes now.
    (_F.NEVER, Seen.TAKEN): _F.NEVER,
    (_F.SET, Seen.TAKEN): _F.SET,
    (_F.LIFTED, Seen.TAKEN): _F.LIFTED,
    (_F.SET_AND_LIFTED, Seen.TAKEN): _F.LIFTED,
}
"""What was seen of the flag, and what is now -> what was."""

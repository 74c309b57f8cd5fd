"""Every exit code of every program and command, and what it means: the one table.

The commands end with its members, their help and the manual are written from it, and each pair of it is driven by a
test. A code says the same everywhere: 0 as it should be, 1 not so, 2 wrong words, 3 none is there, 4 nobody can know.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum


class Exit(IntEnum):
    """With what a program ends. What a code means of one command, `of` tells."""

    FINE = 0
    AMISS = 1
    WRONG_WORDS = 2
    NONE_THERE = 3
    UNKNOWN = 4
    FAULT = 70
    """As `EX_SOFTWARE` of sysexits.h."""
    UNWRITTEN = 74
    """As `EX_IOERR` of sysexits.h."""
    CTRL_C = 130
    """As a shell gives it to what SIGINT has ended."""
    NOBODY_READS = 141
    """As a shell gives it to what SIGPIPE has ended."""
    CANNOT_LOOK = 255
    """OpenStack's upgrade checks end so."""


Means = Mapping[Exit, str]

_ASKED_NOBODY = "it does not answer, or this user may not ask"

_STAYS: Means = {
    Exit.FINE: "a signal has stopped it",
    Exit.AMISS: "it cannot begin, and one sentence says why; or it was told twice to stop, and has not waited for what "
    "was under way",
    Exit.WRONG_WORDS: "wrong arguments",
    Exit.FAULT: "a fault inside, or its loop stood still for [DEFAULT] loop_stall_limit seconds, which is in the log: "
    "it is to be started again",
    Exit.CTRL_C: "ended by Ctrl-C before it had begun",
}
"""Of what runs until it is stopped."""

ANY: Means = {
    Exit.WRONG_WORDS: "wrong arguments",
    Exit.FAULT: "a fault inside, which is printed",
    Exit.UNWRITTEN: "what it had to say could not be written: the disk is full, or does not take it",
    Exit.CTRL_C: "ended by Ctrl-C",
    Exit.NOBODY_READS: "whoever read what it says has gone",
}
"""Of every command that ends by itself, unless it says otherwise."""

STAY = (
    "run",
    "web",
    "receiver",
    "masakari-processmonitor",
    "masakari-instancemonitor",
    "masakari-introspectiveinstancemonitor",
    "masakari-hostmonitor",
)
"""What runs until a signal stops it."""

UPGRADE = "masakari-monitors-status upgrade check"

_OWN: Mapping[str, Means] = {
    **dict.fromkeys(STAY, _STAYS),
    "demo": {
        Exit.FINE: "the report has arrived",
        Exit.AMISS: "it has not, or somebody stopped the demonstration before",
    },
    "check": {
        Exit.FINE: "nothing has to be mended, whatever the warnings",
        Exit.AMISS: "something has to be mended",
    },
    "config migrate": {
        Exit.FINE: "every line that means something is read",
        Exit.AMISS: "a line is ignored, or a file cannot be loaded",
    },
    "status": {
        Exit.FINE: "each monitor that is to run here is well: it sees, keeps its reports on disk and can tell",
        Exit.AMISS: "one is degraded, blind or dead, or does not run and is to run here ([web] monitors; without it "
        "each that has left an outbox)",
        Exit.NONE_THERE: "none runs",
        Exit.UNKNOWN: "nobody can know: one does not answer, is of an earlier release, or may not be asked by this "
        "user, or which are to run here cannot be seen",
        Exit.CTRL_C: "ended by Ctrl-C; with --watch, by which it is ended, the code is that of the last look",
    },
    "outbox list": {
        Exit.FINE: "all that there are were listed, be it none",
        Exit.AMISS: "there is no such file",
        Exit.UNKNOWN: "one cannot be read, or this user may not; or a monitor that runs keeps its own elsewhere",
    },
    "outbox show": {
        Exit.FINE: "it was shown",
        Exit.AMISS: "there is no such report, or several have its number",
        Exit.UNKNOWN: "one cannot be read, or this user may not; or a monitor that runs keeps its own elsewhere",
    },
    "outbox retry": {
        Exit.FINE: "it is offered",
        Exit.AMISS: "it is not, and why; or there is no such report",
        Exit.NONE_THERE: "its monitor does not run here, and nobody offers it",
        Exit.UNKNOWN: f"its monitor could not be asked: {_ASKED_NOBODY}; or no outbox can be read; or a monitor that "
        "runs keeps its own elsewhere",
    },
    "outbox drop": {
        Exit.FINE: "it is dropped",
        Exit.AMISS: "it is not, and why; or there is no such report",
        Exit.UNKNOWN: f"its monitor could not be asked: {_ASKED_NOBODY}; or no outbox can be read; or a monitor that "
        "runs keeps its own elsewhere",
    },
    "explain": {
        Exit.FINE: "it is known",
        Exit.AMISS: "nothing is known of it",
        Exit.WRONG_WORDS: "wrong arguments, or several subjects have that name",
        Exit.NONE_THERE: "no monitor runs, and none has left a journal or an outbox",
        Exit.UNKNOWN: "nothing is known, and a monitor or its files could not be asked, or one is blind, or keeps its "
        "own elsewhere",
    },
    "simulate": {
        Exit.FINE: "masakari would be told of each, and recover it; of a process: told, or it is back; of an instance: "
        "of its death it would be told, and act on no orderly end",
        Exit.AMISS: "not so",
        Exit.WRONG_WORDS: "wrong arguments, or nobody has that name",
        Exit.NONE_THERE: "no monitor runs here from whose view it could be played",
        Exit.UNKNOWN: "the one that runs could not be asked, or is blind, and knows nobody of that name",
    },
    "replay": {
        Exit.FINE: "what comes of it is what was reported",
        Exit.AMISS: "something else would be, or that is not known",
        Exit.WRONG_WORDS: "wrong arguments, or it is another monitor's recording",
        Exit.NONE_THERE: "there is no recording",
        Exit.UNKNOWN: "it cannot be read, or is of another version",
    },
    "silence list": {
        Exit.FINE: "they were listed, be it none",
        Exit.AMISS: "the configuration cannot be used",
        Exit.NONE_THERE: "no monitor runs here",
        Exit.UNKNOWN: f"one could not be asked: {_ASKED_NOBODY}",
    },
    "silence add": {
        Exit.FINE: "done",
        Exit.AMISS: "not done, and why",
        Exit.WRONG_WORDS: "wrong arguments, or a target that there cannot be",
        Exit.NONE_THERE: "no monitor that it concerns runs here",
        Exit.UNKNOWN: f"one could not be asked: {_ASKED_NOBODY}",
    },
    "silence end": {
        Exit.FINE: "done",
        Exit.AMISS: "not done, and why",
        Exit.NONE_THERE: "no monitor runs here",
        Exit.UNKNOWN: f"one could not be asked: {_ASKED_NOBODY}",
    },
    "shadow": {
        Exit.FINE: "no disagreement",
        Exit.AMISS: "there are some",
        Exit.WRONG_WORDS: "wrong arguments, or the configuration is of no shadow",
        Exit.NONE_THERE: "nothing was compared yet",
        Exit.UNKNOWN: "not all could be compared: what was kept, or masakari, cannot be read",
    },
    "notify": {
        Exit.FINE: "it was taken, and masakari's engine has ended with it",
        Exit.AMISS: "it was refused, or the engine does not end with it",
        Exit.WRONG_WORDS: "wrong arguments, or a configuration by which nothing is sent; nothing was",
        Exit.UNKNOWN: "masakari-api is out of reach",
    },
    "support-bundle": {
        Exit.FINE: "all was gathered",
        Exit.AMISS: "something could not be had, which is named",
        Exit.UNKNOWN: "the archive could not be written",
    },
    "pacemaker-alert": {
        Exit.FINE: "done, or shown",
        Exit.AMISS: "it cannot be done, and one sentence says why",
    },
    UPGRADE: {
        Exit.FINE: "all is well",
        Exit.AMISS: "somebody should look at something",
        Exit.WRONG_WORDS: "something must be mended first; or wrong arguments",
        Exit.FAULT: "",
        Exit.CANNOT_LOOK: "it could not look: a fault inside, a configuration file that cannot be read, or "
        "oslo.upgradecheck is not installed",
    },
}

COMMANDS = tuple(_OWN)
"""Everything that a person or a program may call, as it is typed behind `masakari-monitors`, or a program's name."""

_BROKEN = {"status": Exit.UNKNOWN, "explain": Exit.UNKNOWN, UPGRADE: Exit.CANNOT_LOOK}


def of(command: str) -> Means:
    """Every code with which it can end, and what that means."""
    common = {} if command in STAY else ANY
    return {code: said for code, said in sorted({**common, **_OWN[command]}.items()) if said}


def broken_configuration(command: str) -> Exit:
    """With what it ends where the configuration cannot be read, and nothing is known without it."""
    return _BROKEN.get(command, Exit.AMISS)


def codes(*commands: str) -> str:
    """The codes of a command's own, for its help: `Exit code 0: ... 1: ...`; what several share is said once."""
    lines: dict[Exit, dict[str, None]] = {}
    for command in commands:
        for code, said in _OWN[command].items():
            if said and code is not Exit.CTRL_C:
                lines.setdefault(code, {})[said] = None
    return "Exit code " + " ".join(
        f"{code.value}: {'; '.join(said)}." for code, said in sorted(lines.items())
    )


def groups() -> Iterator[tuple[list[str], Means]]:
    """The table for people: the commands that end alike, and with what."""
    alike: dict[tuple[tuple[Exit, str], ...], list[str]] = {}
    for command in COMMANDS:
        alike.setdefault(tuple(of(command).items()), []).append(command)
    for means, commands in alike.items():
        yield commands, dict(means)

"""Where the sockets of the monitors on this host are looked for, and the best of what is heard or known there."""

import os
from collections.abc import Sequence
from pathlib import Path

from masakarimonitors.conf import state_path
from masakarimonitors.status import asked
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.system.files import run_folder


def places(there: state_path.Found) -> Sequence[Path]:
    """The folders in which this user can look, the likeliest first."""
    everybodys = run_folder.folder()
    if there.folder is None or there.folder in there.closed:
        return [everybodys]
    return list(dict.fromkeys([there.folder, everybodys]))


def hidden(name: str, closed: Sequence[Path]) -> str:
    """What is known of the monitor `name` where this user may not look, in words; nothing if it is not there.

    An earlier release, or one that could not make its other socket, has one only there.
    """
    if not closed:
        return ""
    table = run_folder.table()
    paths = [folder / f"{name}.sock" for folder in closed]
    for path in paths:
        if run_folder.is_listening(path, table):
            return (
                f"{name} runs, and uid {os.geteuid()} may not look into {path.parent}, where alone it can be asked. "
                "Ask as root, or as the user that the monitors run as."
            )
    untold = [path for path in paths if not run_folder.is_told(path, table)]
    if untold:
        return f"uid {os.geteuid()} may not look into {untold[0].parent}: whether {name} runs is not known."
    return ""


def best(name: str, there: Sequence[Path], closed: Sequence[Path], more: Sequence[str] = ()) -> Found:
    """What the monitor shows at the first place at which it answers, or else what tells most.

    `more`: as `asked.ask`. One that runs in a folder that is `closed` to this user is not taken for one that is not
    there.
    """
    most = Found(name, Answer.NONE)
    for place in there:
        found = asked.ask(place / f"{name}.sock", more)
        if asked.TELLING.index(found.answer) < asked.TELLING.index(most.answer):
            most = found
        if most.answer is Answer.SAID:
            break
    if most.answer in (Answer.NONE, Answer.DEAD) and (why := hidden(name, closed)):
        return Found(name, Answer.CLOSED, why=why)
    return most

"""What is heard at a monitor's socket, also where nobody answers: dead, hung, or closed to whoever asks.

In: a path. Out: what the monitor behind it shows, or one of a closed set of reasons why nothing, in words.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from masakarimonitors.core.printable import printable
from masakarimonitors.status import unix_socket
from masakarimonitors.system.files import run_folder

_SHOWN = 200
"""Characters of an answer that makes no sense."""


class Answer(Enum):
    """How a monitor's socket takes a question."""

    SAID = "answers"
    NONE = "is not there"
    DEAD = (
        "is dead: it was killed, or ended by a fault (see its log); nobody watches what it watched. Start it"
    )
    HUNG = "does not answer: it is stopped or hangs, and nobody knows what it sees. If it does not go on, restart it"
    CLOSED = "may not be asked"
    ODD = "answers what makes no sense. Is it of this release? Restart it"


TELLING = (Answer.SAID, Answer.HUNG, Answer.ODD, Answer.CLOSED, Answer.DEAD, Answer.NONE)
"""Of several places of one monitor the one counts that tells most: first to last."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one monitor's socket has shown; `why`: what was seen where it has not answered."""

    name: str
    answer: Answer
    snapshot: Any = None
    why: str = ""


def ask(path: Path, more: Sequence[str] = ()) -> Found:
    """What is heard at this place; `more`: what is asked for beside the status, in words of `unix_socket.read`."""
    name = path.stem
    try:
        snapshot = unix_socket.read(path, *more)
    except (FileNotFoundError, NotADirectoryError):
        return Found(name, Answer.NONE)
    except PermissionError:
        return _closed(name, path)
    except ConnectionRefusedError:
        return Found(name, Answer.DEAD, why=f"nobody listens at {path}, which it has left behind")
    except (TimeoutError, BlockingIOError):
        return Found(name, Answer.HUNG, why=f"no answer at {path} within {unix_socket.PATIENCE:g} s")
    except (OSError, ValueError) as fault:
        return Found(name, Answer.ODD, why=f"{path}: {fault}")
    if _makes_sense(snapshot):
        return Found(name, Answer.SAID, snapshot)
    return Found(name, Answer.ODD, why=f"{path}: {printable(str(snapshot), _SHOWN)}")


_ROWS = ("sources", "views", "causes", "subjects", "delivered", "verdicts", "faults", "silences")


def _makes_sense(snapshot: Any) -> bool:
    """Whether it is a monitor's, of whichever release: all that is there may be read as what it is."""
    if not isinstance(snapshot, dict) or "monitor" not in snapshot:
        return False
    rows = [snapshot[name] for name in _ROWS if name in snapshot]
    return isinstance(snapshot.get("outbox", {}), dict) and all(
        isinstance(some, list) and all(isinstance(row, dict) for row in some) for some in rows
    )


def _closed(name: str, path: Path) -> Found:
    try:
        path.lstat()
    except FileNotFoundError:
        return Found(name, Answer.NONE)
    except OSError:
        why = f"uid {os.geteuid()} may not look into {path.parent}: whether {name} runs is not known."
        return Found(name, Answer.CLOSED, why=why)
    who = f"uid {os.geteuid()} may not ask {path}. Ask as root, as the user that the monitors run as, or as a member "
    advice = f"{who}of the group {run_folder.GROUP}."
    if run_folder.listening().has(path):
        return Found(name, Answer.CLOSED, why=f"{name} runs, and you may not look: {advice}")
    why = f"{name} has a socket, and nobody is seen to listen at it from here: {advice}"
    return Found(name, Answer.CLOSED, why=why)

"""The socket at which a running monitor takes wishes about single reports and silences: one line of JSON in, one out.

Beside the outbox, and its owner's alone. The kernel tells who asks; only root and the monitor's own user are heard.
"""

import asyncio
import contextlib
import datetime
import json
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.printable import printable
from masakarimonitors.core.silences.wish import Add, Answer, End, Wish
from masakarimonitors.outbox.by_hand import Act, Asked, Done
from masakarimonitors.status import unix_socket
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

SUFFIX = ".control"
"""The end of its name, behind that of the monitor."""

_LONGEST = 500

Do = Callable[[Asked], Awaitable[Done]]
"""Does what is asked."""


def place(outbox: Path) -> Path:
    """Where the monitor listens whose outbox that is."""
    return outbox.with_suffix(SUFFIX)


Silence = Callable[[Wish], Awaitable[Answer]]
"""Does what somebody wants of silences, in a few seconds at most."""

NO_SILENCES = (
    "Its reports cannot be silenced: a driver that is not the project's own judges for them. Put the host on "
    "maintenance in masakari"
)


@contextlib.asynccontextmanager
async def serve(do: Do, clock: Clock, path: Path, silence: Silence | None = None) -> AsyncIterator[None]:
    """Have what is asked at `path` done while the block runs; without `silence` nobody is silenced."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(2 * unix_socket.PATIENCE):
                words, uid = await reader.readline(), _uid(writer)
                wish = wished(words, uid)
                if wish is None:
                    done = await heard(words, uid, do)
                elif isinstance(wish, Wish) and silence is not None:
                    told = await silence(wish)
                    done = Done(told.done, told.said, told.key)
                else:
                    done = wish if isinstance(wish, Done) else Done(False, NO_SILENCES)
                words_back = {"done": done.done, "said": done.said, "silence": done.silence}
                writer.write(json.dumps(words_back).encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError) as fault:  # the last: a line without end
            LOG.debug("Who asked at %s has no answer: %s", path, fault)
        except Exception:  # a fault of ours; whoever asks is not kept waiting for it
            LOG.exception("What was asked at %s could not be done, by a fault of this program", path)
        finally:
            writer.close()

    without = "`masakari-monitors outbox retry` and `drop` cannot reach this monitor"
    async with unix_socket.listen(answer, clock, path, without=without):
        yield


def ask(path: Path, asked: Asked) -> Done:
    """Have the monitor at `path` do it; raises OSError as `unix_socket.read`, ValueError when it makes no sense."""
    words = {"act": asked.act.value, "row": asked.row, "who": asked.who, "why": asked.why}
    return _done(unix_socket.exchange(path, json.dumps(words).encode() + b"\n"))


def wish(path: Path, wanted: Wish) -> Done:
    """Have the monitor at `path` do it; raises as `ask`."""
    told: dict[str, JSON] = {"who": wanted.who, "why": wanted.why}
    match wanted.what:
        case Add(target=target, until=until):
            told |= {"act": "silence", "target": target, "until": until.isoformat()}
        case End(key):
            told |= {"act": "unsilence", "id": key}
    line = json.dumps(told).encode() + b"\n"
    return _done(unix_socket.exchange(path, line, patience=3 * unix_socket.PATIENCE))


def _done(answer: JSON) -> Done:
    """What the monitor answered; one of an earlier release names no silence."""
    if not isinstance(answer, dict) or not isinstance(answer.get("said"), str):
        raise ValueError(f"{answer!r} is no answer")
    return Done(answer.get("done") is True, str(answer["said"]), str(answer.get("silence") or ""))


def wished(words: bytes, uid: int) -> Wish | Done | None:
    """What these words of user `uid` want of silences; why nothing is done; None where they are of a report."""
    try:
        said: JSON = json.loads(words)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("act") not in ("silence", "unsilence"):
        return None
    if uid not in (0, os.geteuid()):
        return Done(
            False,
            f"uid {uid} may not silence anything. Ask as root, or as the user that the monitor runs as.",
        )
    who = f"uid {uid} ({_short(said.get('who'))})"
    if said["act"] == "unsilence":
        return Wish(what=End(_short(said.get("id"))), who=who, why=_short(said.get("why")))
    try:
        until = datetime.datetime.fromisoformat(str(said.get("until")))
        if until.tzinfo is None:
            raise ValueError("a time without its zone")
        target, until = str(said.get("target")), until.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as fault:
        return Done(False, f"This monitor does not understand until when: {fault}")
    return Wish(what=Add(target=target, until=until), who=who, why=_short(said.get("why")))


async def heard(words: bytes, uid: int, do: Do) -> Done:
    """What comes of these words of user `uid`."""
    if uid not in (0, os.geteuid()):
        return Done(
            False, f"uid {uid} may not change reports. Ask as root, or as the user that the monitor runs as."
        )
    try:
        said: JSON = json.loads(words)
        if not isinstance(said, dict) or not isinstance(said.get("row"), int):
            raise ValueError("it names no report")
        who = f"uid {uid} ({_short(said.get('who'))})"
        asked = Asked(
            act=Act(str(said.get("act"))), row=int(str(said["row"])), who=who, why=_short(said.get("why"))
        )
    except (ValueError, RecursionError) as fault:
        return Done(False, f"This monitor does not understand what is asked: {fault}")
    return await do(asked)


def _short(words: JSON) -> str:
    return printable(str(words or ""), _LONGEST)


def _uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)

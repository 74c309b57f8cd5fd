"""How a program ends: with an exit code and words, within a second, and never with a traceback for a mere fault."""

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from masakarimonitors.cmd.console import terminal
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.names import NotBuilt
from masakarimonitors.conf import ConfigFault
from masakarimonitors.system.service import log_writer

LOG = logging.getLogger(__name__)


class Ended(ConfigFault):
    """One sentence for whoever asked, and another exit code than that of a fault that is to be mended."""

    def __init__(self, why: str, code: Exit) -> None:
        super().__init__(why)
        self.code = code


def guarded(prog: str, run: Callable[[], Exit], *, stays: bool = False) -> Exit:
    """Run it and turn what can go wrong into an exit code and words, never a traceback for a mere fault.

    What ends by itself (not `stays`) is not at its end before all that it has said is with whoever reads it: however
    slowly that is read, it is not cut.
    """
    try:
        ended = _ended(prog, run)
        if not stays:
            sys.stdout.flush()
        return ended
    except KeyboardInterrupt:
        return Exit.CTRL_C
    except Exception as fault:
        if not stays and isinstance(fault, OSError) and (code := _of_output(prog, fault)):
            return code
        LOG.critical("A fatal fault inside %s; a service manager should start it again", prog, exc_info=True)
        return Exit.FAULT


def _ended(prog: str, run: Callable[[], Exit]) -> Exit:
    try:
        try:
            return run()
        except BaseExceptionGroup as faults:
            raise _first(faults) from faults
    except SystemExit as asked:  # --help, --version and wrong arguments, by argparse and oslo.config
        if isinstance(asked.code, str):  # the interpreter says that itself, where it is left to it
            with contextlib.suppress(OSError):
                terminal.say(asked.code, lines=True, to=sys.stderr)
        return Exit(asked.code) if isinstance(asked.code, int) else Exit.AMISS if asked.code else Exit.FINE
    except (ConfigFault, NotBuilt) as fault:
        with contextlib.suppress(OSError):  # nobody can read it any more
            terminal.say(f"{prog}: {fault}", lines=True, to=sys.stderr)
        return fault.code if isinstance(fault, Ended) else Exit.AMISS


def _first(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended tasks that were begun together, as if it had come alone; what is no mere fault before others."""
    found: list[BaseException] = []
    for one in faults.exceptions:
        found.append(_first(one) if isinstance(one, BaseExceptionGroup) else one)
    mere = (ConfigFault, NotBuilt, BrokenPipeError)
    return next((one for one in found if not isinstance(one, mere)), found[0])


def _of_output(prog: str, fault: OSError) -> Exit | None:
    """What it means if it is standard output that takes no more; None where it is something else."""
    if isinstance(fault, BrokenPipeError):
        return Exit.NOBODY_READS
    try:
        sys.stdout.flush()
    except OSError as still:
        with contextlib.suppress(OSError):
            terminal.say(f"{prog}: what it has to say cannot be written: {still.strerror}", to=sys.stderr)
        return Exit.UNWRITTEN
    return None


def stand_in() -> None:
    """Where standard output or the other one was closed by whoever started this, nobody reads; that is no fault.

    And what PYTHONUNBUFFERED gives forgets what it could not write: nobody could tell then whose fault that was. A name
    that has a letter which the reader's locale lacks is said with the letter's number: all else is worth reading.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - until the end
    sys.stdout = remembering(sys.stdout)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def remembering(stream: TextIO) -> TextIO:
    """The same stream, one that keeps what could not be written until it is: each line goes out at once, as before."""
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.FileIO):
        return stream
    # Of its own, so that neither of the two streams closes the file of the other at its end.
    kept = io.BufferedWriter(io.FileIO(raw.fileno(), "w", closefd=False))
    return io.TextIOWrapper(kept, encoding=stream.encoding, errors=stream.errors, line_buffering=True)


def leave(code: int) -> None:
    """End now, within a second. Threads that still wait for an answer from outside must not hold up the end: what
    they were doing is on disk and is done again at the next start. Nor must whoever does not take our last words."""
    last = threading.Thread(target=_last_words, name="last words", daemon=True)
    with contextlib.suppress(RuntimeError):  # there can be no thread
        last.start()
        last.join(log_writer.LAST_WORDS)
    os._exit(code)


def _last_words() -> None:
    log_writer.finish()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody can read it any more
            stream.flush()

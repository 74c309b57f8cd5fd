"""How a program ends: with an exit code and words, within a second, and never with a traceback for a mere fault."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable

from masakarimonitors.cmd.console import terminal
from masakarimonitors.cmd.console.names import NotBuilt
from masakarimonitors.conf import ConfigFault
from masakarimonitors.system.service import log_writer

LOG = logging.getLogger(__name__)


def guarded(prog: str, run: Callable[[], None]) -> int:
    """Run it and turn what can go wrong into an exit code and words, never a traceback for a mere fault."""
    try:
        run()
    except (ConfigFault, NotBuilt) as fault:
        terminal.say(f"{prog}: {fault}", lines=True, to=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:
        LOG.critical("A fatal fault inside %s; a service manager should start it again", prog, exc_info=True)
        return 70
    return 0


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

"""The console scripts of the four monitors: each runs one until a signal stops it.

What takes time to import is imported after the signals are held, which would end the process before, and after what
libraries import without need is held back.
"""

import os

from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.system.service import held_back, signals


def _run(name: str) -> None:
    signals.hold()
    held_back.hold_back()
    try:
        from masakarimonitors.cmd import runner
    except KeyboardInterrupt:  # before anything had begun
        os._exit(Exit.CTRL_C)
    runner.main(name)


def processmonitor() -> None:
    """masakari-processmonitor."""
    _run("processmonitor")


def instancemonitor() -> None:
    """masakari-instancemonitor."""
    _run("instancemonitor")


def introspectiveinstancemonitor() -> None:
    """masakari-introspectiveinstancemonitor."""
    _run("introspectiveinstancemonitor")


def hostmonitor() -> None:
    """masakari-hostmonitor."""
    _run("hostmonitor")

"""The console scripts of the four monitors: each runs one until a signal stops it."""

from masakarimonitors.cmd import runner


def processmonitor() -> None:
    """masakari-processmonitor."""
    runner.main("processmonitor")


def instancemonitor() -> None:
    """masakari-instancemonitor."""
    runner.main("instancemonitor")


def introspectiveinstancemonitor() -> None:
    """masakari-introspectiveinstancemonitor."""
    runner.main("introspectiveinstancemonitor")


def hostmonitor() -> None:
    """masakari-hostmonitor."""
    runner.main("hostmonitor")

"""The console script masakari-instancemonitor."""

from masakarimonitors.cmd import service


def main() -> None:
    """Run the monitor until a signal stops it."""
    service.main("instancemonitor")

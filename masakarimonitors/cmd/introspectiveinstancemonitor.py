"""The console script masakari-introspectiveinstancemonitor."""

from masakarimonitors.cmd import service


def main() -> None:
    """Run the monitor until a signal stops it."""
    service.main("introspectiveinstancemonitor")

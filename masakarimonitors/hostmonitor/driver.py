"""Compatibility: the base class of third-party host drivers, where releases 13 to 22 had it; our own do not use it."""

import abc


class DriverBase(abc.ABC):
    """A driver that owns its loop: `monitor_hosts` watches and sends, until `stop` is called where there is one."""

    @abc.abstractmethod
    def monitor_hosts(self) -> None:
        """Watch the hosts; returns after `stop`."""

    def stop(self) -> None:  # noqa: B027 - a driver without one ends with its process
        """Make `monitor_hosts` return; called from another thread."""

"""The base class that third-party host drivers were written against; our own drivers do not use it."""

import abc


class DriverBase(abc.ABC):
    """A driver that owns its loop: `monitor_hosts` watches and sends until `stop` is called."""

    @abc.abstractmethod
    def monitor_hosts(self) -> None:
        """Watch the hosts; returns after `stop`."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Make `monitor_hosts` return; called from another thread."""

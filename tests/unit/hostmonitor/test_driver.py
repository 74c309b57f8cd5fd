"""The base class of third-party host drivers: what one must have before it can be made."""

from collections.abc import Callable

import pytest

from masakarimonitors.hostmonitor.driver import DriverBase


class Watching(DriverBase):
    def monitor_hosts(self) -> None: ...


@pytest.mark.parametrize("driver", [DriverBase])
def test_a_driver_that_does_not_watch_cannot_be_made(driver: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"abstract method '?monitor_hosts"):
        driver()


def test_a_driver_needs_no_stop() -> None:
    Watching().stop()

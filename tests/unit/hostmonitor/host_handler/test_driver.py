"""The base class of third-party host drivers under the older of its two paths."""

from masakarimonitors.hostmonitor import driver
from masakarimonitors.hostmonitor.host_handler.driver import DriverBase


def test_both_paths_lead_to_one_class() -> None:
    assert DriverBase is driver.DriverBase

"""How a host driver is found by its name."""

import importlib.metadata

from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.drivers import base, thirdparty
from masakarimonitors.hostmonitor.host_handler.driver import DriverBase
from tests.fixtures.fake_clock import FakeClock


def test_the_entry_points_of_the_manual_are_there() -> None:
    installed = {point.name: point.value for point in importlib.metadata.entry_points(group=base.GROUP)}
    assert {name: installed.get(name) for name in base.BUILT_IN} == dict(base.BUILT_IN)


def test_a_class_with_monitor_hosts_is_a_third_party_driver() -> None:
    class Foreign(DriverBase):
        def monitor_hosts(self) -> None: ...

        def stop(self) -> None: ...

    assert base.is_foreign(Foreign)
    assert not base.is_foreign(wiring.build)
    assert "judges and elects by its own rules" in thirdparty.monitor("x", Foreign, FakeClock()).watching[0]

"""The fencing devices are read at start and now and then, and what is wrong with one is said once."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import FencingDevices
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing_watch import FencingWatch
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook
from masakarimonitors.hostmonitor.power.bmc import Address, Literal, Speaks
from tests.fixtures.fake_clock import FakeClock

BMC = Address(device="d", speaks=Speaks.IPMI, host="b", user="u", secret=Literal("p"))


class Stage:
    """Readings, one after another; the last one stays."""

    def __init__(self, *readings: FencingDevices | CannotLook) -> None:
        self.readings = list(readings)
        self.learned: list[Mapping[str, Sequence[Address]]] = []
        self.clock = FakeClock()

    async def read(self) -> FencingDevices:
        reading = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(reading, CannotLook):
            raise reading
        return reading

    async def play(self, seconds: float) -> None:
        watch = FencingWatch(self.read, self.learned.append, self.clock)
        running = asyncio.get_running_loop().create_task(watch.run(lambda seen: None))
        await self.clock.advance(seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_prover_learns_at_start_and_every_five_minutes() -> None:
    stage = Stage(FencingDevices({"n1": (BMC,)}), FencingDevices({}))
    await stage.play(299.0)
    assert stage.learned == [{"n1": (BMC,)}]
    stage = Stage(FencingDevices({"n1": (BMC,)}), FencingDevices({}))
    await stage.play(301.0)
    assert stage.learned == [{"n1": (BMC,)}, {}]


async def test_a_reading_that_fails_is_repeated_within_the_minute() -> None:
    stage = Stage(CannotLook("cibadmin cannot be run"), FencingDevices({"n1": (BMC,)}))
    await stage.play(61.0)
    assert stage.learned == [{"n1": (BMC,)}]


async def test_a_device_that_proves_nothing_is_named_once_and_again_when_it_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    odd, fine = FencingDevices({}, ("d (null): does nothing",)), FencingDevices({})
    await Stage(odd, odd, odd, fine, odd).play(4 * 300.0 + 1)
    assert caplog.text.count("A fencing device proves nothing by its BMC: d (null): does nothing") == 2

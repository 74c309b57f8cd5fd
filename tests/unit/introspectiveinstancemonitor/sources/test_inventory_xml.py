"""The inventory against a played libvirt: one domain that cannot be read touches no other, and is not gone."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, Match
from masakarimonitors.introspectiveinstancemonitor.core.observation import Census, GuestSeen
from masakarimonitors.introspectiveinstancemonitor.sources.inventory import Inventory, Matches
from masakarimonitors.introspectiveinstancemonitor.sources.output import Expression
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Targets
from masakarimonitors.libvirt.session import session
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_libvirt import FakeDomain, FakeModule, denied, played
from tests.fixtures.waiting import eventually

URI = "test:///default"


@pytest.fixture
def libvirt() -> Iterator[FakeModule]:
    with played() as module:
        yield module


@asynccontextmanager
async def listing(
    libvirt: FakeModule, *checks: Check, path: Matches = re.compile("/sock")
) -> AsyncIterator[list[Any]]:
    """What an inventory says while it is at work."""
    said: list[Any] = []
    opened = partial(session, api=libvirt.api)
    source = Inventory(URI, path, Targets(), FakeClock(), opened, checks=checks)
    task = asyncio.get_running_loop().create_task(source.run(said.append))
    try:
        yield said
    finally:
        task.cancel()
        await asyncio.wait({task})


async def census(said: list[Any]) -> Census:
    await eventually(lambda: any(isinstance(one, Census) for one in said), "the list")
    return next(one for one in said if isinstance(one, Census))


def tells(domain: FakeDomain, xml: str) -> None:
    domain.XMLDesc = lambda: xml  # type: ignore[method-assign]


async def test_each_guest_is_seen_with_its_storages(libvirt: FakeModule) -> None:
    (one,) = libvirt.add("one")
    disk = "<disk type='network' device='disk'><source protocol='rbd' name='vms/x'/></disk>"
    tells(one, one.XMLDesc().replace("<devices>", f"<devices>{disk}"))
    async with listing(libvirt) as said:
        assert (await census(said)).present == {one.UUIDString()}
    (seen,) = [one for one in said if isinstance(one, GuestSeen)]
    assert (seen.name, seen.where, seen.storages) == ("one", URI, ("rbd vms",))


async def test_each_guest_is_seen_with_the_checks_that_are_meant_for_it(libvirt: FakeModule) -> None:
    shop, _bank = libvirt.add("shop", "bank")
    nova = (
        "<metadata><instance xmlns='http://openstack.org/xmlns/libvirt/nova/1.1'>"
        "<owner><project>shop</project></owner></instance></metadata>"
    )
    tells(shop, shop.XMLDesc().replace("<devices>", f"{nova}<devices>", 1))
    matches = {
        "all": Match(names=("*",)),
        "shops": Match(nova=(("project", ("shop",)),)),
        "none": Match(names=("web-*",)),
    }
    checks = [Check(name=name, match=match, command=("/x",)) for name, match in matches.items()]
    async with listing(libvirt, *checks) as said:
        await census(said)
    found = {one.name: one.checks for one in said if isinstance(one, GuestSeen)}
    assert found == {"shop": {"all", "shops"}, "bank": {"all"}}


@pytest.mark.parametrize("how", ["nonsense", "denied"])
async def test_one_that_cannot_be_read_is_named_and_the_others_are_seen(
    libvirt: FakeModule, how: str
) -> None:
    odd, well = libvirt.add("odd", "well")
    if how == "nonsense":
        tells(odd, "<domain")
    else:
        odd.error = denied()
    async with listing(libvirt) as said:
        found = await census(said)
    assert found.present == {well.UUIDString()}
    assert found.unread == {odd.UUIDString()}


async def test_an_expression_that_takes_for_ever_on_a_path_blinds_nobody(libvirt: FakeModule) -> None:
    """It is the operator's own; the loop waits for no expression, and whoever fits is watched."""
    one, other = libvirt.add("one", "other")
    tells(one, one.XMLDesc().replace("/sock", f"/{'a' * 100}b"))
    async with listing(libvirt, path=Expression("/(a|aa)+$|/sock", lines=False)) as said:
        told = await census(said)
    assert told.present == {other.UUIDString()} and told.unread == {one.UUIDString()}

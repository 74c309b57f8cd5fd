"""The elections of the drivers themselves: which one for which cluster engine."""

import asyncio
import random
from pathlib import Path

from tests.world.elections import Elector
from tests.world.links import Link
from tests.world.real_consul import RealConsul, RealElector
from tests.world.real_group import RealGroup, RealGroupElector
from tests.world.real_lease import RealLease, RealLeaseElector

RealElection = RealConsul | RealLease | RealGroup
AnyElector = Elector | RealElector | RealLeaseElector | RealGroupElector


def found(
    engine: str, link: Link, loop: asyncio.AbstractEventLoop, rng: random.Random, folder: Path
) -> RealElection:
    """What the electors of all monitors share; `folder`: for the sockets of Consul's agents."""
    match engine:
        case "consul":
            return RealConsul(link, loop, rng, folder)
        case "kubernetes":
            return RealLease(link, loop, rng)
        case _:
            return RealGroup(link, loop, rng)

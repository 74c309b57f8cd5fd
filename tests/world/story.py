"""How a story is told: `@story(...)` over what happens; it is played once for each cluster engine that it names."""

import contextlib
import os
import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fixtures import fake_loop
from tests.fixtures.collecting import seldom
from tests.fixtures.fake_loop import FakeLoop
from tests.world.world import ENGINES, World

_IN_MEMORY = "/dev/shm"


@dataclass(frozen=True, kw_only=True)
class Story:
    """`terms`: what the world is made with; `engines`: the cluster engines on which it is played; `started`: the
    monitors run when it begins."""

    tell: Callable[[World], Awaitable[None]]
    engines: tuple[str, ...]
    started: bool = True
    terms: Mapping[str, Any] = field(default_factory=dict)


def story(
    *, engines: tuple[str, ...] = ENGINES, started: bool = True, **terms: Any
) -> Callable[[Callable[[World], Awaitable[None]]], Story]:
    """Make a story of what happens; `terms` as `World` takes them."""
    return lambda tell: Story(tell=tell, engines=engines, started=started, terms=terms)


@contextlib.contextmanager
def files() -> Iterator[Path]:
    """A folder for the files of one world: in memory where the system has such a place, for nobody cuts its power."""
    place = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="world-", dir=place) as name:
        yield Path(name)


def play(one: Story, engine: str, folder: Path | None, seed: int = 0, **terms: Any) -> World:
    """The world at the story's end; raises StoryFault when it went wrong. `terms` go before the story's own."""

    random.seed(seed)  # what the monitors themselves leave to chance

    async def main(loop: FakeLoop) -> World:
        world = World(loop, engine=engine, folder=folder, seed=seed, **{**one.terms, **terms})
        async with world:
            if one.started:
                await world.begin()
            await one.tell(world)
            await world.wait(0.0)
        return world

    with seldom():
        return fake_loop.run(main)

"""Every story of the folder beside this file, on the cluster engines that it names; on one in turn if it names none.

`python -m tests.world` plays each on every engine that it is true of.
"""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

from tests.world import scenarios
from tests.world.story import Story, files, play
from tests.world.world import ENGINES

NAMES = [found.name for found in pkgutil.iter_modules(scenarios.__path__)]


def stories() -> Iterator[tuple[str, str, Story]]:
    for number, name in enumerate(NAMES):
        told: Story = importlib.import_module(f"{scenarios.__name__}.{name}").tell
        everywhere = told.engines == ENGINES
        for engine in (ENGINES[number % len(ENGINES)],) if everywhere else told.engines:
            yield name, engine, told


@pytest.mark.parametrize(
    ("name", "engine", "told"), [pytest.param(*one, id=f"{one[0]}-{one[1]}") for one in stories()]
)
def test_story(name: str, engine: str, told: Story) -> None:
    with files() as folder:
        play(told, engine, folder)


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) >= 60

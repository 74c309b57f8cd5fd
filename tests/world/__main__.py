"""Every story on every cluster engine that it is true of, and then schedules of chance without an end."""

import importlib
import itertools
import logging
import sys

from tests.world import scenarios
from tests.world.story import Story, files, play
from tests.world.test_chance import schedule
from tests.world.test_scenarios import NAMES
from tests.world.world import StoryFault


def tell(told: Story, name: str, seed: int = 0) -> bool:
    """Whether it ends well on each of its engines; what did not is printed."""
    well = True
    for engine in told.engines:
        with files() as folder:
            try:
                play(told, engine, folder, seed)
            except (StoryFault, AssertionError) as fault:
                well = False
                print(f"{name} on {engine}: {fault}", flush=True)
    return well


def main() -> int:
    """1 at the first schedule that goes wrong; until Ctrl-C otherwise."""
    logging.disable(logging.CRITICAL)
    told = {name: importlib.import_module(f"{scenarios.__name__}.{name}").tell for name in NAMES}
    wrong = [name for name, story in told.items() if not tell(story, name)]
    print(f"{len(told)} stories, {len(wrong)} gone wrong: {wrong}", flush=True)
    for seed in itertools.count(1000):
        if not tell(schedule(seed), f"seed {seed}", seed):
            break
        print(f"seed {seed} came out right", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())

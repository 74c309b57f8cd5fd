"""Stories in which the reporter matters, with the elections of the drivers themselves."""

import importlib

import pytest

from tests.world import scenarios
from tests.world.story import Story, files, play
from tests.world.world import ENGINES

STORIES = (
    "all_restart_together",
    "everybody_hears_nobody_reports",
    "killed_in_flight",
    "ledger_lost",
    "no_election_from_the_start",
    "reporter_dies",
    "reporter_dies_delivered",
    "reporter_dies_undelivered",
    "reporter_is_cut_off",
    "reporter_without_a_way",
    "undelivered_when_the_election_goes",
    "way_lost_with_a_report_waiting",
)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, engine: str) -> None:
    told: Story = importlib.import_module(f"{scenarios.__name__}.{name}").tell
    with files() as folder:
        play(told, engine, folder, real_election=True)


def test_a_ledger_that_no_other_member_of_the_group_can_read_is_unknown_to_whoever_takes_over() -> None:
    """As in a group of two releases: each reads what it has written itself."""
    told: Story = importlib.import_module(f"{scenarios.__name__}.ledger_unreadable").tell
    with files() as folder:
        play(told, "pacemaker", folder, real_election=True)

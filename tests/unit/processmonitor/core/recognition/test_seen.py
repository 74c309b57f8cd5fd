"""What the next life knows of entries that were seen running."""

from dataclasses import replace

from masakarimonitors.core.decision import JSON, Remember
from masakarimonitors.processmonitor.core.observation import SeenRunning
from masakarimonitors.processmonitor.core.recognition import seen
from masakarimonitors.processmonitor.core.recognition.pattern import AsSeen
from masakarimonitors.processmonitor.core.recognition.place import IN_A_CONTAINER
from tests.fixtures.process_play import NOVA, Play


def test_what_was_seen_running_is_kept_until_it_leaves_the_list() -> None:
    play = Play(NOVA)
    play.tell(SeenRunning(NOVA.process_name, frozenset({42436}), frozenset({"x.service"})))
    expected = AsSeen(frozenset({42436}), frozenset({"x.service"}))
    assert seen.recalled(play.memory) == {NOVA.process_name: expected}
    play.list_is()
    assert Remember("seen:" + NOVA.process_name, None) in play.commands
    assert not seen.recalled(play.memory)


def test_what_left_the_list_while_nobody_looked_was_not_seen() -> None:
    users: dict[str, JSON] = {"users": [7]}
    play = Play(NOVA, memory={"seen:" + NOVA.process_name: users, "seen:another": users})
    assert seen.recalled(play.memory) == {NOVA.process_name: AsSeen(frozenset({7}))}
    assert Remember("seen:" + NOVA.process_name, None) not in play.commands


def test_what_is_not_on_the_list_is_not_kept() -> None:
    play = Play(NOVA)
    play.tell(SeenRunning("another", frozenset()))
    assert not seen.recalled(play.memory)


def test_what_is_given_another_user_is_met_anew() -> None:
    play = Play(NOVA)
    play.tell(SeenRunning(NOVA.process_name, frozenset({7})))
    play.list_is(replace(NOVA, restart_command="other"))
    assert seen.recalled(play.memory)
    play.list_is(replace(NOVA, user="stack"))
    assert not seen.recalled(play.memory)


def test_what_makes_no_sense_is_passed_over() -> None:
    users: list[JSON] = [7, "x", None, True]
    memory: dict[str, dict[str, JSON]] = {
        "seen:a": {"users": users},
        "seen:b": {"users": "x"},
        "seen:e": {"users": [1], "units": ["y", 7]},
        "seen:f": {"users": [1], "units": [""]},  # of a release that told containers apart from nothing
        "seen:g": {"users": [1], "units": [""], "tells_containers": True},
        "seen:c": {},
        "process:d": {"users": [1]},
    }
    assert seen.recalled(memory) == {
        "a": AsSeen(frozenset({7})),
        "e": AsSeen(frozenset({1}), frozenset({"y"})),
        "f": AsSeen(frozenset({1}), frozenset({"", IN_A_CONTAINER})),
        "g": AsSeen(frozenset({1}), frozenset({""})),
    }

"""A group of tests shares one worker, and with it one rig."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import MostPatientFirst


@pytest.mark.xdist_group("groups")
@pytest.mark.parametrize("number", range(2))
def test_a_group_reaches_the_scheduler(request: pytest.FixtureRequest, number: int) -> None:
    # pytest-xdist groups by what it appends to the node id; a pytest that ignores it would start each real
    # system once per worker, and say nothing.
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@groups")


class Worker:
    """One that pytest-xdist hands tests to; it notes which."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.got: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.got += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def played(collected: Sequence[str], workers: int) -> tuple[MostPatientFirst, list[Worker]]:
    """A scheduler that has handed out the first tests to so many workers."""
    options = SimpleNamespace(loadscopereorder=True)
    config: Any = SimpleNamespace(option=options, getvalue=lambda _name: ["popen"] * workers)
    scheduler, those = MostPatientFirst(config), [Worker(number) for number in range(workers)]
    for worker in those:
        scheduler.add_node(worker)
    for worker in those:
        scheduler.add_node_collection(worker, collected)
    scheduler.schedule()
    return scheduler, those


def test_what_takes_minutes_begins_first_and_nothing_long_stands_behind_it() -> None:
    collected = [
        *(f"rig.py::test[{number}]@rig" for number in range(9)),
        "soak.py::test@soak",
        *(f"unit.py::test[{number}]" for number in range(30)),
    ]
    scheduler, (patient, other) = played(collected, 2)
    assert [collected[index] for index in patient.got] == [
        "soak.py::test@soak",
        "unit.py::test[29]",
    ]
    assert other.got[:9] == list(range(9))
    for index in other.got[:9]:
        scheduler.mark_test_complete(other, index)
    assert len(patient.got) == 2, "it has enough for the time that it takes"


def test_a_bounded_number_of_groups_runs_at_the_same_time_and_the_longest_begin() -> None:
    names = [f"rig{number}" for number in range(6)] + ["virt", "consul-scenarios"]
    rigs = [f"{name}.py::test[{number}]@{name}" for name in names for number in range(4)]
    collected = [*rigs, *(f"unit.py::test[{number}]" for number in range(30))]
    scheduler, workers = played(collected, 7)
    first = [collected[worker.got[0]].split("@")[-1] for worker in workers]
    assert first[:5] == ["consul-scenarios", "virt", "rig0", "rig1", "rig2"]
    assert all(name.startswith("unit.py") for name in first[5:])
    ended, single = workers[3], workers[6]
    for index in ended.got[:4]:
        scheduler.mark_test_complete(ended, index)
    assert collected[ended.got[4]].endswith("@rig3"), "where one has ended the next one begins"
    scheduler.mark_test_complete(single, single.got[0])
    assert all(collected[index].startswith("unit.py") for index in single.got)

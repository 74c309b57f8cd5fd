"""A group of tests shares one worker, and with it one rig."""

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


def test_what_takes_minutes_begins_first_and_nothing_long_stands_behind_it() -> None:
    collected = [
        *(f"rig.py::test[{number}]@rig" for number in range(9)),
        "soak.py::test@soak",
        *(f"unit.py::test[{number}]" for number in range(30)),
    ]
    options = SimpleNamespace(loadscopereorder=True)
    config: Any = SimpleNamespace(option=options, getvalue=lambda _name: ["popen", "popen"])
    scheduler, workers = MostPatientFirst(config), [Worker(0), Worker(1)]
    for worker in workers:
        scheduler.add_node(worker)
    for worker in workers:
        scheduler.add_node_collection(worker, collected)
    scheduler.schedule()
    patient, other = workers
    assert [collected[index] for index in patient.got] == [
        "soak.py::test@soak",
        "unit.py::test[29]",
    ]
    assert other.got[:9] == list(range(9))
    for index in other.got[:9]:
        scheduler.mark_test_complete(other, index)
    assert len(patient.got) == 2, "it has enough for the time that it takes"

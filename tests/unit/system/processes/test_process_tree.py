"""Who belongs to a command, on real processes."""

import os
from pathlib import Path

import pytest

from masakarimonitors.system.processes.command import Launched
from masakarimonitors.system.processes.process_tree import kill_tree, still_alive, tree
from tests.fixtures.lifeline import alive, kill
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.xdist_group("process")


def test_only_living_processes_outlive_a_kill() -> None:
    own = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert still_alive({os.getpid(): own, 1 << 30: 7}) == (os.getpid(),)
    assert still_alive({os.getpid(): own + 1}) == ()


async def test_what_is_spared_is_no_part_of_the_tree_nor_is_what_is_below(tmp_path: Path) -> None:
    inner = f"sh -c 'sleep 1001 & echo $! > {tmp_path}/below; wait' & echo $! > {tmp_path}/service"
    launched = Launched(["sh", "-c", f"{inner}; sleep 1002 & echo $! > {tmp_path}/other; wait"], None, None)
    names = ("service", "below", "other")
    files = [tmp_path / name for name in names]
    await eventually(lambda: all(file.exists() and file.read_text().strip() for file in files), "all to run")
    service, below, other = (int(file.read_text()) for file in files)
    assert tree(launched.pid) == {launched.pid, service, below, other}
    assert tree(launched.pid, {service}) == {launched.pid, other}
    victims = kill_tree(launched.pid, {service})
    try:
        assert set(victims) == {launched.pid, other}
        await eventually(lambda: still_alive(victims) == (), "their end")
        assert alive(service) and alive(below)
    finally:
        for pid in (below, service):
            kill(pid)
        launched.reap()
        launched.let_go()

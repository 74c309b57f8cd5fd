"""What tests of processes share."""

from collections.abc import Callable

import pytest

from masakarimonitors.system.processes.process_tree import children


@pytest.fixture
def own_children() -> Callable[[], list[int]]:
    """The pids of our children that live and were started since: this worker may have those of a rig, too."""
    before = set(children())
    return lambda: [pid for pid in children() if pid not in before]

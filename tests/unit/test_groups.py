"""A group of tests shares one worker, and with it one rig."""

import pytest


@pytest.mark.xdist_group("groups")
@pytest.mark.parametrize("number", range(2))
def test_a_group_reaches_the_scheduler(request: pytest.FixtureRequest, number: int) -> None:
    # pytest-xdist groups by what it appends to the node id; a pytest that ignores it would start each real
    # system once per worker, and say nothing.
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@groups")

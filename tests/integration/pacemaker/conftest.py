"""The cluster is built once for each of two groups of tests (about 30 s), which run beside each other, and healed
before each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.pacemaker.rig import Rig, remote_tree, why_not
from tests.integration.pacemaker.world import World


@pytest.fixture(scope="session")
def session_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Three members and two remotes, online."""
    reason = why_not()
    if reason is not None:
        if os.geteuid() == 0 and remote_tree().exists():
            pytest.fail(reason)  # the set-up was run here: a rig that cannot start is an error
        pytest.skip(reason)
    rig = Rig(tmp_path_factory.mktemp("pcmk"), remote_tree())
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()


@pytest.fixture
def rig(session_rig: Rig) -> Rig:
    """The cluster, whole again, whatever the test before has done to it."""
    session_rig.heal()
    return session_rig


@pytest.fixture
def world(rig: Rig, tmp_path: Path) -> Iterator[World]:
    """The healed cluster with the alert agent, an empty API, and no monitor yet."""
    with World(rig, tmp_path).closing() as world:
        world.install_alerts()
        yield world

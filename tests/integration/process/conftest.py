"""Every test gets a zoo of its own; the monitor's parts are in rig.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.process import rig


@pytest.fixture
def zoo(tmp_path: Path) -> Iterator[rig.Zoo]:
    folder = tmp_path / "zoo"
    folder.mkdir()
    with rig.zoo(folder) as animals:
        yield animals


@pytest.fixture
def watching(tmp_path: Path) -> rig.Watching:
    return rig.Watching(tmp_path)

"""A storm of everything: what happened is compared with what arrived."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.integration.soak.storm import Storm

SECONDS = 300.0


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "flock"))),
    reason="needs root, unshare, nsenter and flock for a disk and services of its own",
)
@pytest.mark.xdist_group("soak")
@pytest.mark.timeout(2700)
async def test_in_a_storm_of_everything_each_outage_arrives_once_and_nothing_else() -> None:
    # Under a short path: a socket stands in it.
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        storm = Storm(Path(folder), "in every run the same", 24)
        await storm.rage(SECONDS)
        assert storm.tally.wrong == [], f"{storm.tally}\n{storm.story()}"
    assert len(storm.tally.broken) == 24

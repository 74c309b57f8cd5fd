"""Random operations on instances of a real libvirtd, with deaths between; `make churn` goes on for long."""

from pathlib import Path

import pytest

from tests.integration.virt.churn import churn
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import watching

pytestmark = pytest.mark.xdist_group("virt")


def test_each_death_among_random_operations_is_reported_once_and_nothing_else(
    realm: Realm, tmp_path: Path
) -> None:
    with watching(realm, tmp_path, report="actionable", resync_interval=5) as watch:
        tally = churn(realm, watch, seed="each commit the same", operations=120, instances=6, restarts=2)
    assert tally.wrong == {}, dict(tally.done)
    assert sum(tally.deaths.values()) >= 8, dict(tally.done)

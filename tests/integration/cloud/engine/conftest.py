"""masakari with its engine, one for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.integration.cloud.engine.recovery import Recovery, recovery
from tests.integration.cloud.rig import Cloud, services


@pytest.fixture(scope="package")
def engine(real_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    """masakari's API and engine, beside the keystone that runs already; started once.

    They end with these tests: the engine tries again for as long as it lives what tests have left undone, and each try
    asks the keystone that other tests need.
    """
    place = services()
    assert place is not None
    with recovery(real_cloud, place, tmp_path_factory.mktemp("recovery") / "masakari") as running:
        yield running

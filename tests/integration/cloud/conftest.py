"""The running cloud, one for the whole test session."""

from collections.abc import Iterator

import pytest

from tests.integration.cloud.rig import Cloud, services
from tests.integration.cloud.template import cloud


@pytest.fixture(scope="session")
def real_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """keystone and masakari-api, started once."""
    place = services()
    if place is None:
        pytest.skip("the real keystone and masakari-api are not installed: run tools/setup-cloud.sh")
    with cloud(place, tmp_path_factory.mktemp("cloud")) as running:
        yield running

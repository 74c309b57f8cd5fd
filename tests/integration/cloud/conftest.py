"""The running cloud, one for the whole test session."""

from collections.abc import Iterator

import pytest
from keystoneauth1.session import Session

from tests.integration.cloud.rig import Cloud, services
from tests.integration.cloud.template import cloud as started


@pytest.fixture(scope="session")
def real_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """keystone and masakari-api, started once."""
    place = services()
    if place is None:
        pytest.skip("the real keystone and masakari-api are not installed: run tools/setup-cloud.sh")
    with started(place, tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def session(real_cloud: Cloud) -> Session:
    """A keystone session of a user who may post."""
    return real_cloud.session()


@pytest.fixture
def cloud(real_cloud: Cloud) -> Cloud:
    """The cloud, and masakari has accepted nothing yet."""
    real_cloud.forget_notifications()
    return real_cloud

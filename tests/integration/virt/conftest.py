"""One libvirtd for the whole run; instances are shared where a test leaves them as it found them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.virt.realm import Realm


@pytest.fixture(scope="session")
def realm() -> "Iterator[Realm]":
    """A libvirtd of our own, with no instances yet."""
    # Here, not above: without libvirt's binding the test modules skip themselves, and this file must load.
    from tests.integration.virt.ready import why_not
    from tests.integration.virt.realm import opened

    if reason := why_not():
        pytest.skip(reason)
    with opened() as realm:
        yield realm


@pytest.fixture(scope="session")
def other_realm(realm: "Realm") -> "Iterator[Realm]":
    """A second host, to which instances of the first may be migrated."""
    from tests.integration.virt.realm import opened

    with opened() as other:
        yield other


@pytest.fixture(autouse=True)
def _libvirtd_is_back(request: pytest.FixtureRequest) -> "Iterator[None]":
    """A test that fails while it has taken libvirtd away must not fail all that come after it."""
    yield
    if "realm" in request.fixturenames:
        realm: Realm = request.getfixturevalue("realm")
        if realm.libvirtd_pid is None:
            realm.start_libvirtd()

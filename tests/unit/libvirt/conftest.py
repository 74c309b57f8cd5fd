"""A played libvirt for each test."""

from collections.abc import Iterator

import pytest

from tests.fixtures.fake_libvirt import FakeModule, played


@pytest.fixture
def libvirt() -> Iterator[FakeModule]:
    """The module, and the libvirtd behind it."""
    with played() as module:
        yield module

"""What holds for every test of the made-up cloud."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A story that fails prints itself; what the monitors log beside it is no part of it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)

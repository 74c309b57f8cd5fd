"""The translation mark that third-party host drivers import."""

import pytest

from masakarimonitors.i18n import _


@pytest.mark.parametrize("message", ["", "node %s is lost", "nœud perdu"])
def test_a_marked_message_is_said_as_it_stands(message: str) -> None:
    assert _(message) is message

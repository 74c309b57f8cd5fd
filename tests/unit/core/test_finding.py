"""What a check is told: three weights, in the words that are printed."""

import pytest

from masakarimonitors.core import finding
from masakarimonitors.core.finding import Finding, Weight


@pytest.mark.parametrize(
    ("made", "weight", "word"),
    [
        (finding.ok("x"), Weight.OK, "ok"),
        (finding.warning("x"), Weight.WARNING, "warning"),
        (finding.fault("x"), Weight.FAULT, "FAULT"),
    ],
)
def test_each_weight_is_said_in_a_word(made: Finding, weight: Weight, word: str) -> None:
    assert (made.weight, made.weight.value, made.text, made.about) == (weight, word, "x", "")

"""A domain is under way for as long as a call about it is, however that ends."""

import pytest

from masakarimonitors.libvirt.under_way import UnderWay


def test_a_domain_is_under_way_while_it_is_asked_about() -> None:
    under_way = UnderWay()
    with under_way.about("a"), under_way.about("b"):
        assert "a" in under_way
        assert "b" in under_way
    assert "a" not in under_way
    with pytest.raises(OSError, match="no"), under_way.about("a"):
        raise OSError("no")
    assert "a" not in under_way

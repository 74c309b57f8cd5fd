"""A URI is tried before a monitor begins; here with the driver that needs no libvirtd, where there is a binding."""

import pytest

from masakarimonitors.libvirt.trial import check, try_all
from masakarimonitors.libvirt.uri import BadUri

pytest.importorskip("libvirt", reason="libvirt's Python binding is not installed")


def test_what_works_has_no_fault_and_what_is_away_has_one() -> None:
    here, away = "test:///default", "qemu:///system?socket=/nonexistent/socket"
    faults = try_all([here, away], readonly=True, timeout=60)
    assert faults[here] is None
    assert "/nonexistent/socket" in str(faults[away])
    check([here, away], 60)


def test_a_uri_of_no_driver_is_refused() -> None:
    with pytest.raises(BadUri, match="connection_uri"):
        check(["test:///default", "qemu+bogus:///system"], 60)

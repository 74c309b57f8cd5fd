"""Whether this host can run a libvirtd of our own, and libvirt's binding where it can."""

import os
from types import ModuleType

import pytest

from tests.fixtures.cache import cache

CACHE = cache("virt")
"""Where tools/setup-virt.sh puts the guest."""


def why_not() -> str | None:
    """Why no realm can be made here; None when tools/setup-virt.sh has prepared this host."""
    if os.geteuid() != 0:
        return "needs root for namespaces of its own"
    if not (CACHE / "ready").exists():
        return f"{CACHE}/ready is not there: run tools/setup-virt.sh"
    return None


def _binding(name: str) -> ModuleType:
    """A module of libvirt's binding; where it is missing, skips the importing test module (an error if prepared)."""
    try:
        return __import__(name)
    except ImportError as error:
        if why_not() is None:
            raise ImportError(f"{error}: run tools/setup-libvirt-python.sh") from error
        pytest.skip(
            f"libvirt's Python binding is missing, and this host {why_not()}", allow_module_level=True
        )


libvirt = _binding("libvirt")
libvirt_qemu = _binding("libvirt_qemu")
# libvirt prints every error to stderr otherwise, the expected ones too.
libvirt.registerErrorHandler(lambda _context, _error: None, None)

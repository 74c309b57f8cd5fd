"""Which driver: from its name to its code, through the `hostmonitor.driver` entry points."""

import importlib
import importlib.metadata
import inspect
from typing import Any

from masakarimonitors.conf import ConfigFault

GROUP = "hostmonitor.driver"

_SOURCES = "masakarimonitors.hostmonitor.sources"
BUILT_IN = {
    "simple": f"{_SOURCES}.pacemaker:build",
    "default": f"{_SOURCES}.pacemaker:build",
    "consul": f"{_SOURCES}.consul:build",
    "kubernetes": f"{_SOURCES}.kubernetes:build",
}
"""This project's own drivers; they are found without installed metadata too."""


def load(name: str) -> Any:
    """The driver's `build` function, or a third-party driver's class; raises ConfigFault."""
    found = {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)} | BUILT_IN
    value = found.get(name)
    if value is None:
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: there is no such driver. Installed are "
            f"{', '.join(sorted(found))}; another one must be an entry point of the group {GROUP}."
        )
    module, _, attribute = value.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if name in BUILT_IN and error.name is not None and module.startswith(error.name):
            raise ConfigFault(
                f"[host] monitoring_driver = {name}: this driver is not part of this release."
            ) from error
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: it needs the Python package {error.name}, which is not "
            "installed."
        ) from error
    except (ImportError, AttributeError) as error:
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: {value} cannot be loaded ({error})."
        ) from error


def is_foreign(driver: Any) -> bool:
    """Whether this is a third-party driver's class, rather than a `build` function."""
    return inspect.isclass(driver) and hasattr(driver, "monitor_hosts")

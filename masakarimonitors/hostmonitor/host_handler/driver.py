"""Compatibility: the base class of third-party host drivers, where releases up to 12 had it."""

from masakarimonitors.hostmonitor.driver import DriverBase

__all__ = ["DriverBase"]

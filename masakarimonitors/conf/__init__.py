"""Options: their sections, and the loader that turns files and arguments into a validated configuration.

Read only where things are wired; below that, policies are typed frozen snapshots.
"""

from masakarimonitors.conf.faults import ConfigFault
from masakarimonitors.conf.loader import load, where

__all__ = ["ConfigFault", "load", "where"]

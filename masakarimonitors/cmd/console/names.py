"""The monitors by name, for tools that build none of them: what builds them takes time to import."""

MONITORS = ("processmonitor", "instancemonitor", "introspectiveinstancemonitor", "hostmonitor")
"""Every monitor, in the order in which `run` starts them."""


class NotBuilt(Exception):
    """This release does not hold that monitor."""

"""libvirt's words for how a machine stands, in ours."""

from masakarimonitors.introspectiveinstancemonitor.observation import Standing

# VIR_DOMAIN_* of virDomainState: 0 none, 1 running, 2 blocked (Xen: waiting for something, so running).
_STATES = {
    3: Standing.PAUSED,
    4: Standing.SHUTTING_DOWN,
    6: Standing.CRASHED,
    7: Standing.PAUSED,  # suspended by its own power management
}


def standing_of(state: int) -> Standing:
    """The standing of a machine that libvirt lists as active in this state."""
    return _STATES.get(state, Standing.RUNNING)

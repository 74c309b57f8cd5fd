"""What a success of each fencing agent is worth."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_agents import (
    Takes,
    weakest,
    what_it_proves,
)


@pytest.mark.parametrize(
    ("agent", "takes"),
    [
        ("fence_ipmilan", Takes.POWER),
        ("fence_redfish", Takes.POWER),
        ("fence_apc", Takes.POWER),
        ("fence_virt", Takes.POWER),
        ("external/ipmi", Takes.POWER),
        ("stonith:external/ipmi", Takes.POWER),
        ("meatware", Takes.POWER),
        ("fence_kdump", Takes.RUN),
        ("fence_sbd", Takes.RUN),
        ("external/sbd", Takes.RUN),
        ("fence_watchdog", Takes.RUN),
        ("suicide", Takes.RUN),
        ("fence_scsi", Takes.ACCESS),
        ("fence_mpath", Takes.ACCESS),
        ("fence_brocade", Takes.ACCESS),
        ("fence_ifmib", Takes.ACCESS),
        ("null", Takes.NOTHING),
        ("stonith:null", Takes.NOTHING),
        ("Stonith:Null", Takes.NOTHING),
        ("external/ssh", Takes.NOTHING),
        ("ssh", Takes.NOTHING),
        ("fence_dummy", Takes.NOTHING),
        ("fence_compute", Takes.NOTHING),
        ("fence_heuristics_ping", Takes.NOTHING),
    ],
)
def test_what_an_agent_takes(agent: str, takes: Takes) -> None:
    proves = what_it_proves(agent)
    assert (proves.takes, proves.known) == (takes, True)
    assert proves.off == (takes is Takes.POWER)
    assert proves.why


@pytest.mark.parametrize("agent", ["fence_of_our_own", "", "external/of_our_own"])
def test_an_agent_that_is_not_known_is_believed_and_called_so(agent: str) -> None:
    proves = what_it_proves(agent)
    assert proves.off and not proves.known and "not known" in proves.why


def test_where_the_device_is_not_known_the_least_counts() -> None:
    assert weakest(("fence_ipmilan", "fence_kdump")).takes is Takes.RUN
    assert weakest(("fence_ipmilan", "fence_kdump", "null")).takes is Takes.NOTHING
    assert weakest(("fence_ipmilan",)).off
    assert weakest(("fence_nobody_knows",)).off


def test_without_a_device_it_is_the_host_s_own_watchdog() -> None:
    nobody = weakest(())
    assert nobody.takes is Takes.RUN and not nobody.known and not nobody.off

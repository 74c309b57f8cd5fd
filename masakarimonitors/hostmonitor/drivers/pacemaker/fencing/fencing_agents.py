"""What a success of each fencing agent proves: that the power is off, or something less. Pure; one table.

In: the name of an agent, as a stonith resource's `type` has it. Out: `Proves`, with the reason in a clause. Pacemaker
counts a host as fenced whatever the agent did to it, but a host whose power stays on may still run its instances.
Agents are those of fence-agents 4.12 and of cluster-glue 1.0.12; an agent that is not listed is believed, as Pacemaker
believes it, and called unknown.
"""

from dataclasses import dataclass
from enum import IntEnum


class Takes(IntEnum):
    """What an agent takes from a host, from the least to the most."""

    NOTHING = 0
    """A device for tests, or one that only looks: Pacemaker is told that all went well, and nothing has happened."""
    ACCESS = 1
    """Storage or network: the host runs on, and so do its instances as far as they need neither."""
    RUN = 2
    """Its kernel has crashed or is reset: what ran there has ended, if the reset has worked; its power stays on."""
    POWER = 3
    """Its power, or that of the virtual computer that it is."""


@dataclass(frozen=True, slots=True)
class Proves:
    """What a success of one agent is worth."""

    takes: Takes
    why: str
    known: bool = True

    @property
    def off(self) -> bool:
        """Whether the host is proven off, with the action "off". (After "reboot" it is about to be up again.)"""
        return self.takes is Takes.POWER


_UNLISTED = Proves(
    Takes.POWER, "an agent that is not known here, believed as Pacemaker believes it", known=False
)
_NO_DEVICE = Proves(
    Takes.RUN,
    "no device is configured that fences it: its own watchdog should have reset it (stonith-watchdog-timeout)",
    known=False,
)
_POWER = Proves(Takes.POWER, "it takes the host's power")

_TEST = Proves(Takes.NOTHING, "a device for tests: it reports success and does nothing")
_SSH = Proves(
    Takes.NOTHING, "a device for tests: it asks the host to restart itself, and one that hangs does not"
)
_LOOKS = Proves(Takes.NOTHING, "it only looks at the network, to let the devices after it go on or not")
_NOVA = Proves(Takes.NOTHING, "it does nothing to the host, it tells nova that the host is down")
_KDUMP = Proves(Takes.RUN, "the host's kernel has crashed and writes its dump: its power stays on")
_SBD = Proves(
    Takes.RUN, "the host resets itself, by a message on a shared disk or by its watchdog: its power stays on"
)
_WATCHDOG = Proves(
    Takes.RUN, "nobody looks: the host's own watchdog should have reset it by now, and its power stays on"
)
_SUICIDE = Proves(Takes.RUN, "the host is asked to reset itself: its power stays on")
_RESERVATION = Proves(
    Takes.ACCESS, "it takes the host's right to write to shared disks: its power and its instances stay on"
)
_SWITCH = Proves(Takes.ACCESS, "it closes the host's port on a switch: its power and its instances stay on")

_TABLE: dict[str, Proves] = {
    **dict.fromkeys(("null", "external/null", "fence_dummy", "dummy", "external/dummy"), _TEST),
    **dict.fromkeys(("ssh", "external/ssh", "fence_ssh"), _SSH),
    "fence_heuristics_ping": _LOOKS,
    **dict.fromkeys(("fence_compute", "fence_evacuate"), _NOVA),
    **dict.fromkeys(("fence_kdump", "external/kdumpcheck"), _KDUMP),
    **dict.fromkeys(("fence_sbd", "external/sbd"), _SBD),
    **dict.fromkeys(("fence_watchdog", "watchdog"), _WATCHDOG),
    "suicide": _SUICIDE,
    **dict.fromkeys(("fence_scsi", "fence_mpath"), _RESERVATION),
    **dict.fromkeys(("fence_brocade", "fence_cisco_mds", "fence_ifmib", "fence_sanbox2"), _SWITCH),
    "meatware": Proves(Takes.POWER, "an operator has confirmed that the host is off"),
    **dict.fromkeys(
        (
            *("fence_alom", "fence_amt", "fence_amt_ws", "fence_apc", "fence_apc_snmp", "fence_bladecenter"),
            *("fence_cisco_ucs", "fence_cyberpower_ssh", "fence_drac", "fence_drac5", "fence_eaton_snmp"),
            *(
                "fence_eaton_ssh",
                "fence_emerson",
                "fence_eps",
                "fence_hds_cb",
                "fence_hpblade",
                "fence_ibmblade",
            ),
            *("fence_idrac", "fence_ilo", "fence_ilo2", "fence_ilo3", "fence_ilo3_ssh", "fence_ilo4"),
            *(
                "fence_ilo4_ssh",
                "fence_ilo5",
                "fence_ilo5_ssh",
                "fence_ilo6",
                "fence_ilo_moonshot",
                "fence_ilo_mp",
            ),
            *("fence_ilo_ssh", "fence_imm", "fence_intelmodular", "fence_ipdu", "fence_ipmilan"),
            *(
                "fence_ipmilanplus",
                "fence_ironic",
                "fence_ldom",
                "fence_lindypdu",
                "fence_lpar",
                "fence_netio",
            ),
            *("fence_powerman", "fence_pve", "fence_raritan", "fence_raritan_px3", "fence_rcd_serial"),
            *("fence_redfish", "fence_rhevm", "fence_rsa", "fence_rsb", "fence_tripplite_snmp", "fence_vbox"),
            *("fence_virsh", "fence_virt", "fence_vmware", "fence_vmware_rest", "fence_vmware_soap"),
            *(
                "fence_vmware_vcloud",
                "fence_wti",
                "fence_xenapi",
                "fence_xvm",
                "fence_zvmip",
                "fence_openstack",
            ),
            *(
                "fence_aws",
                "fence_azure_arm",
                "fence_gce",
                "fence_kubevirt",
                "fence_nutanix_ahv",
                "fence_aliyun",
            ),
            *(
                "fence_ibm_powervs",
                "fence_ibm_vpc",
                "fence_ovh",
                "fence_ecloud",
                "fence_skalar",
                "fence_docker",
            ),
            *("apcmaster", "apcsmart", "baytech", "cyclades", "drac3", "ibmhmc", "ipmilan", "nw_rpc100s"),
            *("rcd_serial", "rps10", "wti_mpc", "wti_nps", "external/dracmc-telnet", "external/drac5"),
            *("external/hetzner", "external/hmchttp", "external/ibmrsa", "external/ibmrsa-telnet"),
            *(
                "external/ippower9258",
                "external/ipmi",
                "external/libvirt",
                "external/nut",
                "external/rackpdu",
            ),
            *("external/riloe", "external/vcenter", "external/vmware", "external/xen0", "external/xen0-ha"),
        ),
        _POWER,
    ),
}


def what_it_proves(agent: str) -> Proves:
    """What a success of `agent` proves: "fence_ipmilan", "external/ipmi", also with its class ("stonith:null")."""
    return _TABLE.get(agent.rpartition(":")[2].strip().lower(), _UNLISTED)


def weakest(agents: tuple[str, ...]) -> Proves:
    """What a success is worth of which it is not known by which of these agents it was: the least of them.

    Pacemaker's history of fencing names no device. Without any agent nobody but the host itself can have done it.
    """
    return min((what_it_proves(agent) for agent in agents), key=lambda one: one.takes, default=_NO_DEVICE)

"""`[libvirt]`: the hypervisor that the two machine monitors listen to."""

from oslo_config import cfg

GROUP = cfg.OptGroup("libvirt", title="Watching machines through libvirt")

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "connection_uri",
        default="qemu:///system",
        help="libvirt's address of the hypervisor. The default is the local QEMU/KVM that nova-compute uses.",
    ),
]

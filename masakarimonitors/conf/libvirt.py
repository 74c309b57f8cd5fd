"""`[libvirt]`: the hypervisor that the two machine monitors listen to."""

from oslo_config import cfg

GROUP = cfg.OptGroup("libvirt", title="Watching machines through libvirt")

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "connection_uri",
        default="qemu:///system",
        help="libvirt's address of the hypervisor. The default is the local QEMU/KVM that nova-compute uses. "
        "Several, separated by commas, are watched side by side. SASL and TLS credentials come from libvirt's "
        "own files (auth.conf, the pki folders).",
    ),
    cfg.StrOpt(
        "report",
        default="all",
        choices=[
            ("all", "every event that the table of the manual page names"),
            ("actionable", "only what masakari's engine acts on: deaths, and I/O errors that the guest sees"),
        ],
        help="Which events of machines the instance monitor reports. The default is what the engine has always "
        "been sent; most of it is only filed there. Deaths are reported in either case.",
    ),
    cfg.FloatOpt(
        "settle_time",
        default=0.3,
        min=0.0,
        max=10.0,
        help="Seconds of quiet after which the same event of the same machine counts as a new one. libvirt "
        "tells of one reboot twice within 30 ms, and of an I/O error once for each failed request; the first "
        "is reported at once, its echoes are not. Deaths are never held back.",
    ),
    cfg.IntOpt(
        "resync_interval",
        default=60,
        min=5,
        help="Seconds between two comparisons of all machines with what was last seen of them. Events come by "
        "themselves; this is the net for what no event told.",
    ),
    cfg.BoolOpt(
        "watch_processes",
        default=True,
        help="Watch the QEMU processes themselves besides libvirt's events, where libvirt's pidfiles can be "
        "read (as root on the same host). libvirt is asked why one has ended before anything is reported.",
    ),
    cfg.StrOpt(
        "qemu_pid_directory",
        default="/run/libvirt/qemu",
        help="Folder of libvirt's QEMU pidfiles. A locked pidfile proves that its machine lives, also from "
        "another pid namespace; where the folder cannot be read nothing is concluded from it. In a container "
        "mount the host's folder here.",
    ),
    cfg.StrOpt(
        "qemu_log_directory",
        default="/var/log/libvirt/qemu",
        help="Folder of libvirt's QEMU logs. After two restarts of libvirtd only the last line of a machine's "
        "log still tells a crash from a stop by an operator.",
    ),
]

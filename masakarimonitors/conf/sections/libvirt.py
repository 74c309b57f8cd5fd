"""`[libvirt]`: the hypervisor that the instance monitor and the introspective one listen to."""

from oslo_config import cfg

GROUP = cfg.OptGroup("libvirt", title="Watching instances through libvirt")

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
        help="Which events of instances the instance monitor reports. The default is what the engine has always "
        "been sent; most of it is only filed there. Deaths are reported in either case.",
    ),
    cfg.FloatOpt(
        "settle_time",
        default=0.3,
        min=0.0,
        max=10.0,
        help="Seconds of quiet after which the same event of the same instance counts as a new one. libvirt "
        "tells of one reboot twice within 30 ms, and of an I/O error once for each failed request; the first "
        "is reported at once, its echoes are not. Deaths are never held back.",
    ),
    cfg.IntOpt(
        "resync_interval",
        default=60,
        min=5,
        help="Seconds between two comparisons of all instances with what was last seen of them. Events come by "
        "themselves; this is the net for what no event told.",
    ),
    cfg.BoolOpt(
        "watch_processes",
        default=True,
        help="Watch the QEMU processes themselves besides libvirt's events, where libvirt's pidfiles can be "
        "read (as root on the same host). libvirt is asked why one has ended before anything is reported.",
    ),
    cfg.FloatOpt(
        "storm_threshold",
        default=50.0,
        min=0.0,
        max=100.0,
        help="Per cent of the running instances of one libvirt, or of one storage there, and at least three, that may "
        "have I/O errors together. "
        "When more have, the reports on which masakari would restart them (IO_ERROR_REPORT) are held, because storage "
        "that has failed is then likelier than so many broken disks. Deaths are never held. 0 turns the guard off, "
        "and with it the 10 s for which such a report waits.",
    ),
    cfg.FloatOpt(
        "storm_hold",
        default=300.0,
        min=1.0,
        max=3600.0,
        help="Seconds for which no instance may begin or cease to have I/O errors before the reports that a storm "
        "holds are released, if no more than storm_threshold still have errors; otherwise they wait until an hour has "
        "passed since the errors began.",
    ),
    cfg.StrOpt(
        "qemu_pid_directory",
        default="/run/libvirt/qemu",
        help="Folder of libvirt's QEMU pidfiles. A locked pidfile proves that its instance lives, also from "
        "another pid namespace; where the folder cannot be read nothing is concluded from it. When it was written "
        "tells two lives of an instance, or guest, apart. In a container mount the host's folder here.",
    ),
    cfg.StrOpt(
        "qemu_log_directory",
        default="/var/log/libvirt/qemu",
        help="Folder of libvirt's QEMU logs. After two restarts of libvirtd only the last line of an instance's "
        "log still tells a crash from a stop by an operator.",
    ),
]

"""What a libvirtd of the tests is told in its files, wherever it runs: in a realm, or in a Debian of its own."""

# Plain root QEMU without cgroups, namespaces and relabelling: no systemd helps with these.
QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
namespaces = [ ]
cgroup_controllers = [ ]
dynamic_ownership = 0
remember_owner = 0
"""


def libvirtd_conf(group: str, mode: str) -> str:
    """Who may do what: everybody reads, `group` writes as far as `mode` of that socket lets it."""
    return f"""\
unix_sock_group = "{group}"
unix_sock_ro_perms = "0777"
unix_sock_rw_perms = "{mode}"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""

"""The packages, built once, and a host on which they have taken the place of Debian's own."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.debian.rig import MONITORS, Host, booted, built

OPERATORS_LIST = """\
# mine
- process_name: /usr/local/bin/fragile
  start_command: systemctl start fragile
  restart_command: /usr/local/bin/start-fragile
  run_as_root: true
- process_name: /usr/local/bin/sturdy
  start_command: /usr/local/bin/start-sturdy
  restart_command: /usr/local/bin/start-sturdy
  run_as_root: true
"""
"""Of the first nothing is there; the second is a service whose command starts it itself, without a service manager."""

MASAKARI_PORT = 9
"""Nobody listens there, but where a test has a receiver of its own."""

OPERATORS_CONF = f"""\
[DEFAULT]
hostname = node
state_may_be_lost = true
use_journal = true
[api]
auth_type = none
endpoint_override = http://127.0.0.1:{MASAKARI_PORT}/v1
[process]
own_pid_namespace = true
"""


_INSTALLED = """\
Status: install ok installed
Architecture: all
Version: 999
Maintainer: none
Description: none"""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces with a Debian of its own")
    return built(tmp_path_factory.mktemp("packages"))


def all_needed_by_theirs_is_known_as_installed(host: Host) -> None:
    """What Debian's packages need dpkg believes to be there: nothing of it is run."""
    fields = host.run("for package in /mnt/replaced/*.deb; do dpkg-deb -f $package Depends; done")
    needed = {name.split()[0].partition(":")[0] for name in re.split(r"[,|\n]", fields) if name.strip()}
    script = []
    for name in sorted(name for name in needed if "masakari" not in name):
        entry = f"Package: {name}\n{_INSTALLED}\n"
        script.append(
            f"dpkg-query -W {name} >/dev/null 2>&1 || cat >> /var/lib/dpkg/status <<'E'\n{entry}\nE"
        )
    host.run("\n".join(script))


@pytest.fixture(scope="session")
def taken_over(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Iterator[Host]:
    """Debian's six packages, with an operator's files; then ours in their place, while its services are enabled."""
    with booted(tmp_path_factory.mktemp("taken-over"), packages) as host:
        all_needed_by_theirs_is_known_as_installed(host)
        host.run("apt-get install -y /mnt/replaced/*.deb")
        host.write("/etc/masakarimonitors/process_list.yaml", OPERATORS_LIST)
        host.write("/etc/masakarimonitors/masakarimonitors.conf", OPERATORS_CONF)
        host.run("groupadd -r libvirt; cp /bin/sleep /usr/local/bin/sturdy")
        host.write(
            "/usr/local/bin/start-sturdy", "#!/bin/sh\nexec setsid --fork /usr/local/bin/sturdy infinity"
        )
        host.run("chmod 755 /usr/local/bin/start-sturdy")
        theirs = host.run("dpkg-query -W -f '${Version}' masakari-host-monitor")
        assert re.match(r"1[49]\.", theirs), f"Debian 12 has 14, Debian 13 has 19: {theirs}"
        host.run(
            "apt-get install -y /mnt/masakari-monitors_*.deb /mnt/masakari-monitors-common_*.deb "
            + " ".join(f"/mnt/masakari-{monitor}-monitor_*.deb" for monitor in MONITORS)
        )
        yield host

"""Our packages on a Debian of its own: over Debian's, anew, upgraded, removed and purged; systemd starts them."""

import json
import re
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.integration.debian.conftest import (
    OPERATORS_CONF,
    OPERATORS_LIST,
    all_needed_by_theirs_is_known_as_installed,
)
from tests.integration.debian.rig import EARLIER, MONITORS, ROOT, Host, archive, booted, earlier

pytestmark = pytest.mark.xdist_group("debian")
UNITS = [f"masakari-{monitor}-monitor" for monitor in MONITORS]


def test_each_of_debians_packages_is_replaced_by_its_own(taken_over: Host) -> None:
    shown = taken_over.run("dpkg-query -W -f '${Package} ${db:Status-Abbrev}${Version}\\n' '*masakari*'")
    state = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    for name in (*UNITS, "masakari-monitors", "masakari-monitors-common"):
        assert state[name][0] == "ii" and state[name][1].startswith("1:"), shown
    assert state.get("python3-masakari-monitors", ["un"])[0] in ("un", "rc"), shown
    assert taken_over.run("dpkg --audit; apt-get check").count("broken") == 0
    for unit in UNITS:
        assert taken_over.run(f"systemctl is-enabled {unit}") == "enabled"
        assert taken_over.run(f"test ! -e /etc/init.d/{unit} && echo gone") == "gone"


def test_what_the_operator_wrote_is_kept_and_is_roots_alone(taken_over: Host) -> None:
    assert taken_over.read("/etc/masakarimonitors/process_list.yaml") == OPERATORS_LIST.strip()
    assert taken_over.read("/etc/masakarimonitors/masakarimonitors.conf") == OPERATORS_CONF.strip()
    shown = taken_over.run("stat -c '%n %U:%G %a' /etc/masakarimonitors /etc/masakarimonitors/*")
    assert shown.splitlines() == [
        "/etc/masakarimonitors root:masakari 750",
        "/etc/masakarimonitors/masakarimonitors.conf root:masakari 640",
        "/etc/masakarimonitors/process_list.yaml root:masakari 640",
    ]
    # Debian's rule let the user become root by any argument; its log's rotation would name the same files twice.
    assert taken_over.run("ls /etc/sudoers.d /etc/logrotate.d").split().count("masakari-monitors") == 2
    assert "masakari_monitors_sudoers" not in taken_over.run("ls /etc/sudoers.d")
    assert "masakari-monitors-common" not in taken_over.run("ls /etc/logrotate.d")
    taken_over.run("visudo -c -f /etc/sudoers.d/masakari-monitors; logrotate -d /etc/logrotate.conf")


@pytest.mark.parametrize("unit", UNITS)
def test_every_monitor_runs_as_its_unit_says(taken_over: Host, unit: str) -> None:
    taken_over.becomes(unit, "active")
    pid = taken_over.property(unit, "MainPID")
    assert taken_over.run(f"stat -c %U /proc/{pid}") == "masakari"
    assert taken_over.property(unit, "NRestarts") == "0"
    other = unit.replace("-monitor", "monitor").replace("e-i", "ei")
    assert taken_over.property(other, "MainPID") == pid, "the other name is the same unit"
    assert taken_over.property(unit, "StatusText") != ""


# What the process monitor does with it: tests/integration/process. Here: that sudo starts the one that was installed.
START_HELPER = """
from oslo_privsep.priv_context import Method
from masakarimonitors import privsep
privsep.configure(["/etc/masakarimonitors/masakarimonitors.conf"], [])
privsep.monitors_priv.start(Method.ROOTWRAP)
print("started")
"""


START = """
[Service]
Type=oneshot
User=masakari
CapabilityBoundingSet={given}
ExecStart=/usr/lib/masakari-monitors/bin/python3 /tmp/start.py
StandardOutput=file:/run/said
StandardError=inherit
"""


def test_sudo_starts_the_helper_and_nothing_else(taken_over: Host) -> None:
    taken_over.write("/tmp/start.py", START_HELPER)
    given = taken_over.property("masakari-process-monitor", "CapabilityBoundingSet")
    taken_over.write("/run/systemd/system/start.service", START.format(given=given))
    taken_over.run("systemctl daemon-reload; systemctl start start || { cat /run/said; false; }")
    assert taken_over.read("/run/said").splitlines()[-1] == "started"

    helper = "/usr/lib/masakari-monitors/bin/privsep-helper --config-file /etc/masakarimonitors/masakarimonitors.conf"
    context = "--privsep_context masakarimonitors.privsep.monitors_priv"
    context += " --privsep_sock_path /tmp/tmpabcdefgh/privsep.sock"
    allowed = "runuser -u masakari -- sudo -n -l"
    taken_over.run(f"{allowed} {helper} {context}")
    for other in (f"{helper} --log-config-append /tmp/mine {context}", "/bin/sh", helper):
        assert taken_over.run(f"{allowed} {other} || echo refused").endswith("refused")


def test_the_tools_see_the_monitors(taken_over: Host) -> None:
    for unit in UNITS:
        taken_over.becomes(unit, "active")
    shown = taken_over.run("masakari-monitors status", code=None)
    for name in ("hostmonitor", "instancemonitor", "introspectiveinstancemonitor", "processmonitor"):
        assert re.search(rf"^{name}\thealth\t", shown, re.MULTILINE), shown
    assert "dead" not in shown and "unanswered" not in shown
    checked = taken_over.run(
        "sudo -u masakari masakari-monitors check --offline --monitor processmonitor", code=None
    )
    assert "cannot be read" not in checked and "not trusted" not in checked, checked
    folders = taken_over.run("stat -c '%U:%G %a' /run/masakarimonitors /run/masakarimonitors/*").splitlines()
    assert folders == ["root:root 755", *["masakari:masakari 2755"] * 4]
    sockets = taken_over.run("stat -c '%U:%G %a' /run/masakarimonitors/*/*.sock").splitlines()
    assert set(sockets) == {"masakari:masakari 660"}
    assert taken_over.run("id -nG masakari").split().count("libvirt") == 1


def test_the_journal_finds_the_lines_of_one_subject(taken_over: Host) -> None:
    """journald itself has read what it was sent, and no Python package of systemd's is there."""
    asked = "journalctl --no-pager -o json SUBJECT=process:/usr/local/bin/fragile EVENT=verdict"
    told = until(
        lambda: taken_over.run(asked), lambda: taken_over.run("journalctl --no-pager -n 50", code=None)
    )
    for line in map(json.loads, told.splitlines()):
        assert line["SUBJECT"] == "process:/usr/local/bin/fragile" and line["RULING"]
        assert line["SUBJECT"] in line["MESSAGE"] and line["SYSLOG_IDENTIFIER"] == "masakari-processmonitor"
        assert line["_SYSTEMD_UNIT"] == "masakari-process-monitor.service"
    first = json.loads(until(lambda: taken_over.run(f"{asked} RULING=reported -n 1"), "a report", every=0.5))
    number = f"MONITOR={first['MONITOR']} REPORT_ID={first['REPORT_ID']}"
    by_number = taken_over.run(f"journalctl --no-pager -o json {number}").splitlines()
    assert first["MESSAGE"] in [json.loads(line)["MESSAGE"] for line in by_number]
    assert {json.loads(line)["SUBJECT"] for line in by_number} == {first["SUBJECT"]}


def test_the_page_of_all_is_there_for_whoever_starts_it(taken_over: Host) -> None:
    unit = "masakari-monitors-web"
    assert taken_over.run(f"systemctl is-enabled {unit}", code=None) == "disabled"
    taken_over.run(f"systemctl start {unit}")
    taken_over.becomes(unit, "active")
    asked = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:15869/{}').status)"
    for path in ("livez", "metrics", ""):
        assert taken_over.run(f'python3 -c "{asked.format(path)}"') == "200"


LISTED = """\
- process_name: /usr/local/bin/fragile
  start_command: /bin/false
  restart_command: /bin/false
  run_as_root: false
"""
CONF = """\
[DEFAULT]
hostname = node
[api]
auth_type = none
endpoint_override = http://127.0.0.1:9/v1
[process]
restart_retries = 1
restart_interval = 1
own_pid_namespace = true
"""
"""Nobody listens there, so that whatever is reported waits."""

READ = """
import glob, json, os, shutil, sqlite3
for path in glob.glob("/run/processmonitor.sqlite*"):
    os.unlink(path)
for path in sorted(glob.glob("/var/lib/masakarimonitors/processmonitor.sqlite*")):
    shutil.copy(path, "/run/")
asked = "SELECT id, subject, body, status, attempts FROM outbox"
try:
    print(json.dumps(sqlite3.connect("/run/processmonitor.sqlite").execute(asked).fetchall()))
except sqlite3.Error:
    print([])
"""
"""Its monitor writes on meanwhile, so that a copy may make no sense: it is made again then."""


def test_anew_then_another_release_then_removed_then_purged(tmp_path: Path, packages: Path) -> None:
    with booted(tmp_path / "host", packages) as host:
        host.run("apt-get install -y /mnt/masakari-monitors_*.deb /mnt/masakari-process-monitor_*.deb")
        assert (
            host.run("stat -c '%U:%G %a' /etc/masakarimonitors/*").splitlines() == ["root:masakari 640"] * 2
        )
        assert host.property("masakari-process-monitor", "ActiveState") == "inactive", "nobody to tell yet"
        host.write("/etc/masakarimonitors/masakarimonitors.conf", CONF)
        host.write("/etc/masakarimonitors/process_list.yaml", LISTED)
        host.run("systemctl restart masakari-monitors.target")
        assert host.run("systemctl is-enabled masakari-process-monitor") == "enabled"
        for page in ("masakari-processmonitor", "masakari-monitors-status"):
            host.run(f"test -s /usr/share/man/man1/{page}.1.gz")
        said = host.run(
            "bash -euc '. /usr/share/bash-completion/completions/masakari-monitors; complete -p masakari-monitors'"
        )
        assert "_masakari_monitors" in said
        host.run("test -s /usr/share/zsh/vendor-completions/_masakari-monitors")
        host.run("test -s /usr/share/fish/vendor_completions.d/masakari-hostmonitor.fish")
        compiled = host.run("ls /usr/lib/masakari-monitors/lib/python3*/site-packages/__pycache__")
        assert "libvirt." in compiled, "compiled once, and not at each start"

        earlier(packages, tmp_path)
        waits = offered(host)
        taken_by(host, "earlier/", EARLIER, waits)
        assert "# of then" in host.read("/etc/logrotate.d/masakari-monitors")
        taken_by(host, "", "1:1", waits)
        assert "# of then" not in host.read("/etc/logrotate.d/masakari-monitors")

        what_does_not_run_is_not_started(host)
        back_to_theirs(host, archive(packages))
        again = "-o Dpkg::Options::=--force-confold install -y"
        ours = "/mnt/masakari-monitors_*.deb /mnt/masakari-process-monitor_*.deb"
        assert "INSTALL masakari-monitors-common" in host.run(f"apt-get {again} {ours}")
        host.run("apt-get install -y /mnt/masakari-monitors-common_*.deb")
        assert host.run("ls /etc/sudoers.d").split() == ["README", "masakari-monitors"]
        assert offered(host)[:3] == waits[:3], "what waited before is not forgotten"
        for file in ("/etc/logrotate.d/masakari-monitors", "/etc/sudoers.d/masakari-monitors"):
            assert host.run(f"ls {file}*") == file
        what_is_disabled_stays_so(host)

        host.run("apt-get remove -y masakari-process-monitor masakari-monitors")
        assert host.property("masakari-process-monitor", "ActiveState") == "inactive"
        assert (
            host.run("ls /usr/lib/masakari-monitors /usr/bin/masakari-monitors 2>/dev/null", code=None) == ""
        )
        assert host.run("ls /etc/masakarimonitors /var/lib/masakarimonitors").count("process") >= 2

        host.run("apt-get purge -y masakari-process-monitor masakari-monitors")
        left = host.run(
            "ls -d /etc/masakarimonitors /var/lib/masakarimonitors /var/log/masakarimonitors /run/masakari*"
            " /etc/sudoers.d/masakari* /etc/logrotate.d/masakari* /etc/corosync/uidgid.d/masakari /usr/lib/masakari*"
            " /usr/lib/systemd/system/masakari* /etc/systemd/system/masakari* /etc/systemd/system/*/masakari*"
            " /etc/rc?.d/*masakari* /var/lib/systemd/deb-systemd-helper-*/*masakari* 2>/dev/null",
            code=None,
        )
        assert left == ""
        assert host.run("id -u masakari").isdigit(), "its files elsewhere must not become another's"

        host.run("mkdir -p /opt/masakari-monitors/share/masakari-monitors; groupadd -r libvirt")
        host.run("ln -s /mnt/etc /opt/masakari-monitors/share/masakari-monitors/")
        lines = by_hand()
        assert len(lines) >= 8, "from the folder of the samples on, up to what the operator writes"
        host.run("\n".join(lines))
        assert host.run("stat -c '%U:%G %a' /etc/masakarimonitors") == "root:masakari 750"
        assert host.property("masakari-process-monitor", "FragmentPath").startswith("/etc/systemd/system/")


def offered(host: Host, tries: int = 0) -> tuple[int, str, str, int]:
    """The one report, which waits; once masakari was offered it more often than `tries` times."""

    def row() -> list[tuple[int, str, str, int]]:
        rows = json.loads(host.run(f"python3 - <<'END'{READ}END"))
        assert [status for *_, status, _ in rows] in ([], ["pending"]), rows
        return [(number, subject, body, now) for number, subject, body, _, now in rows if now > tries]

    unit = "masakari-process-monitor"
    (found,) = until(row, lambda: host.run(f"journalctl --no-pager -n 50 -u {unit}", code=None), every=0.5)
    return found


def taken_by(host: Host, folder: str, version: str, waits: tuple[int, str, str, int]) -> None:
    """The packages of `folder` take over, in whichever direction: the same report waits, and is offered by them."""
    unit = "masakari-process-monitor"
    pid = host.property(unit, "MainPID")
    before = offered(host)
    host.run(
        "apt-get install -y --allow-downgrades"
        f" /mnt/{folder}masakari-monitors_*.deb /mnt/{folder}masakari-process-monitor_*.deb"
    )
    assert host.run("dpkg-query -W -f '${Version}' masakari-monitors").startswith(version)
    host.becomes(unit, "active")
    assert host.property(unit, "MainPID") != pid
    assert offered(host, before[3])[:3] == waits[:3]
    assert host.read("/etc/masakarimonitors/masakarimonitors.conf") == CONF.strip()
    assert host.read("/etc/masakarimonitors/process_list.yaml") == LISTED.strip()
    assert host.property(unit, "NRestarts") == "0"


def what_does_not_run_is_not_started(host: Host) -> None:
    unit, conf = "masakari-process-monitor", "/etc/masakarimonitors/masakarimonitors.conf"
    again = f"apt-get install -y --reinstall /mnt/{unit}_*.deb"
    host.run(f"systemctl stop {unit}")
    assert f"{unit}: not started, since it did not run" in host.run(again)
    assert host.property(unit, "ActiveState") == "inactive"

    # One that fails is meant to run, and an upgrade may be its mend; where it is not, that is said.
    host.write(conf, f"{CONF}[[broken\n")
    host.run(f"systemctl start {unit}", code=None)
    assert f"{unit}: DOES NOT RUN NOW" in host.run(again)
    host.write(conf, CONF)
    host.run(f"systemctl restart {unit}")

    # Nor is one taken for stopped that a removal has ended.
    host.run(f"dpkg -r {unit}; ! systemctl is-active {unit}")
    assert "not started" not in host.run(f"dpkg -i /mnt/{unit}_*.deb; ! ls /run/*.anew")
    host.becomes(unit, "active")


def back_to_theirs(host: Host, archive: str) -> None:
    """By the commands of the documentation, whose names of packages that are not here are left out."""
    unit = "masakari-process-monitor"
    all_needed_by_theirs_is_known_as_installed(host)
    host.run(f"echo '{archive}' > /etc/apt/sources.list; apt-get update")
    # Whatever the release: what apt says of this one is what the documentation sends to look for.
    version = re.findall(
        r"^ +(\d\S+) \d+$", host.run("apt-cache policy python3-masakari-monitors"), re.MULTILINE
    )
    lines = [line.strip() for line in (ROOT / "docs/deploying/debian.rst").read_text().splitlines()]
    install = lines[next(at for at, line in enumerate(lines) if line.startswith("# v=")) + 1]
    command, _, names = install.removeprefix("# apt ").partition(" install ")
    named = [name for name in names.split() if "-instance-" not in name and "-host-" not in name]
    assert len(named) == 3
    said = host.run(f"v={version[0]}; apt-get {command} install -y --allow-downgrades {' '.join(named)}")
    assert "do not purge masakari-monitors" in said
    shown = host.run("dpkg-query -W -f '${Package} ${db:Status-Abbrev}\\n' '*masakari*'")
    state = dict(line.split()[:2] for line in shown.splitlines())
    ours = {name for name in state if state[name] == "ii"}
    assert (
        ours == {unit, "masakari-monitors-common", "python3-masakari-monitors"}
        and state["masakari-monitors"] == "rc"
    )
    assert host.read("/etc/masakarimonitors/masakarimonitors.conf") == CONF.strip()
    assert host.read("/etc/masakarimonitors/process_list.yaml") == LISTED.strip()
    assert host.run(f"systemctl is-enabled {unit}") == "enabled"
    assert "masakari monitor of" not in host.property(unit, "Description"), (
        "it is Debian's that systemd knows"
    )
    # Two rules for one log would be an error, for which logrotate passes over the second.
    host.run("touch /var/log/masakarimonitors/some.log")
    assert "error" not in host.run("logrotate -d /etc/logrotate.conf; visudo -c")
    assert (
        host.run("stat -c %U /var/lib/masakarimonitors /var/log/masakarimonitors").split() == ["masakari"] * 2
    )


def what_is_disabled_stays_so(host: Host) -> None:
    """Over Debian's package, ours and Debian's again; these alone, without what they need."""
    unit = "masakari-process-monitor"
    theirs, ours = (f"dpkg -i --force-all /mnt/{folder}{unit}_*.deb" for folder in ("replaced/", ""))
    host.run(f"{theirs}; systemctl disable --now {unit}; systemctl reset-failed {unit} || true")
    for command in (ours, theirs, ours):
        host.run(command)
        assert host.run(f"systemctl is-enabled {unit}", code=None) == "disabled"
        assert host.property(unit, "ActiveState") == "inactive"


def by_hand() -> list[str]:
    """The commands of the documentation that lay out what the environment has brought, as an operator types them."""
    text = (ROOT / "docs/deploying/debian.rst").read_text().partition("\nBy hand\n")[2]
    lines = [line.removeprefix("   # ") for line in text.splitlines() if line.startswith("   # ")]
    begin = next(at for at, line in enumerate(lines) if line.startswith("cd "))
    end = next(at for at, line in enumerate(lines) if line.startswith("editor "))
    return lines[begin:end]

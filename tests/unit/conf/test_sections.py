"""Drop-in: every option of the replaced monitors keeps section, name, type and default.

The table is what releases 19 to 22 document; a row here is a promise to a deployed file.
"""

from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_privsep import priv_context

from masakarimonitors import conf
from masakarimonitors.conf import opts
from masakarimonitors.conf.sections import host, privileged

_SOCK = r"/var/lib/libvirt/qemu/org\.qemu\.guest_agent\..*\.instance-.*\.sock"
_BASE = "masakarimonitors"

Row = tuple[str, str, type, object]

DEPLOYED: list[Row] = [
    ("DEFAULT", "tempdir", str, None),
    ("DEFAULT", "monkey_patch", bool, False),
    ("DEFAULT", "monkey_patch_modules", list, []),
    ("DEFAULT", "hostmonitor_manager", str, f"{_BASE}.hostmonitor.host.HostmonitorManager"),
    ("DEFAULT", "instancemonitor_manager", str, f"{_BASE}.instancemonitor.instance.InstancemonitorManager"),
    (
        "DEFAULT",
        "introspectiveinstancemonitor_manager",
        str,
        f"{_BASE}.introspectiveinstancemonitor.instance.IntrospectiveInstanceMonitorManager",
    ),
    ("DEFAULT", "processmonitor_manager", str, f"{_BASE}.processmonitor.process.ProcessmonitorManager"),
    ("api", "region", str, "RegionOne"),
    ("api", "api_version", str, "v1"),
    ("api", "api_interface", str, "public"),
    ("callback", "retry_max", int, 12),
    ("callback", "retry_interval", int, 10),
    ("consul", "agent_manage", str, None),
    ("consul", "agent_tenant", str, None),
    ("consul", "agent_storage", str, None),
    ("consul", "matrix_config_file", str, None),
    ("host", "monitoring_driver", str, "default"),
    ("host", "monitoring_interval", int, 60),
    ("host", "monitoring_samples", int, 1),
    ("host", "api_retry_max", int, 12),
    ("host", "api_retry_interval", int, 10),
    ("host", "disable_ipmi_check", bool, False),
    ("host", "restrict_to_remotes", bool, False),
    ("host", "ipmi_timeout", int, 5),
    ("host", "ipmi_retry_max", int, 3),
    ("host", "ipmi_retry_interval", int, 10),
    ("host", "stonith_wait", int, 30),
    ("host", "tcpdump_timeout", int, 5),
    ("host", "corosync_multicast_interfaces", str, None),
    ("host", "corosync_multicast_ports", str, None),
    ("host", "pacemaker_node_type", str, "autodetect"),
    ("introspectiveinstancemonitor", "guest_monitoring_interval", int, 10),
    ("introspectiveinstancemonitor", "guest_monitoring_timeout", int, 2),
    ("introspectiveinstancemonitor", "guest_monitoring_failure_threshold", int, 3),
    ("introspectiveinstancemonitor", "qemu_guest_agent_sock_path", str, _SOCK),
    ("kubernetes", "monitoring_node_labels", str, ""),
    ("libvirt", "connection_uri", str, "qemu:///system"),
    ("process", "check_interval", int, 5),
    ("process", "restart_retries", int, 3),
    ("process", "restart_interval", int, 5),
    ("process", "api_retry_max", int, 12),
    ("process", "api_retry_interval", int, 10),
    ("process", "process_list_path", str, "/etc/masakarimonitors/process_list.yaml"),
]

NEW: list[Row] = [
    ("DEFAULT", "state_path", str, None),
    ("DEFAULT", "notification_expiry", int, 86400),
    ("DEFAULT", "outbox_history_count", int, 10000),
    ("process", "command_timeout", int, 60),
    ("process", "restart_grace", int, 1),
    ("process", "start_patience", int, 30),
    ("process", "restarts_per_hour", int, 10),
    ("process", "own_pid_namespace", bool, False),
    ("receiver", "listen", str, "127.0.0.1"),
    ("receiver", "database", str, None),
    ("status", "listen", str, None),
]

_SAMPLES = {str: "text", int: "71", bool: "true", list: "a,b"}
_READ = {str: "text", int: 71, bool: True, list: ["a", "b"]}
_CHOICES = {"api_interface": "internal", "pacemaker_node_type": "remote", "listen": "192.0.2.7:80"}


def value(loaded: cfg.ConfigOpts, section: str, name: str) -> object:
    return loaded[name] if section == "DEFAULT" else loaded[section][name]


@pytest.mark.parametrize(("section", "name", "kind", "default"), DEPLOYED + NEW)
def test_an_option_has_its_section_name_type_and_default(
    tmp_path: Path, section: str, name: str, kind: type, default: object
) -> None:
    empty = conf.load([], default_config_files=[], default_config_dirs=[])
    assert value(empty, section, name) == default
    assert default is None or type(value(empty, section, name)) is kind
    if (section, name) == ("receiver", "listen"):
        return
    file = tmp_path / "set.conf"
    file.write_text(f"[{section}]\n{name} = {_CHOICES.get(name, _SAMPLES[kind])}\n")
    loaded = conf.load(["--config-file", str(file)], default_config_dirs=[])
    assert value(loaded, section, name) == _CHOICES.get(name, _READ[kind])


def test_the_name_of_the_host_has_an_older_name(tmp_path: Path) -> None:
    file = tmp_path / "set.conf"
    file.write_text("[DEFAULT]\nhost = compute-7.example.org\n")
    assert conf.load(["--config-file", str(file)]).hostname == "compute-7.example.org"


def test_the_privileged_section_is_what_oslo_privsep_reads() -> None:
    theirs = {option.dest: type(option.type).__name__ for option in priv_context.OPTS}
    ours = {option.dest: type(option.type).__name__ for option in privileged.OPTIONS}
    assert ours == theirs


def test_every_option_says_what_it_means() -> None:
    for section in opts.SECTIONS:
        for option in section.options:
            assert option.help and len(option.help) > 30, f"[{section.name}] {option.name}"


def test_two_looks_at_a_bmc_are_no_closer_than_what_they_must_outlast() -> None:
    """A BMC that has just restarted says "off" for some seconds; only its own uptime lets it be asked again sooner."""
    (option,) = (option for option in host.OPTIONS if option.name == "power_second_look")
    assert option.type("10") == option.default
    with pytest.raises(ValueError):
        option.type("9.9")

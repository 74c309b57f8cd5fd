"""Nothing that a file says is ignored in silence, and what other libraries own is left alone."""

import logging
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.conf import unknown

DATA = Path(__file__).parents[2] / "data" / "conf"


def remarks(path: Path, text: str) -> list[str]:
    file = path / "monitors.conf"
    file.write_text(text)
    loaded = conf.load(["--config-file", str(file)], default_config_dirs=[])
    return [f"{remark.line}: {remark.text}" for remark in unknown.remarks(loaded)]


def test_r22_the_misspelt_options_of_a_widely_used_chart_are_named(tmp_path: Path) -> None:
    assert remarks(
        tmp_path,
        "[host]\ndisable_ipmi_checks = true\n[introspectiveinstancemonitor]\nguest_monitor_interval = 3\n",
    ) == [
        "2: unknown option [host] disable_ipmi_checks is ignored; did you mean disable_ipmi_check?",
        "4: unknown option [introspectiveinstancemonitor] guest_monitor_interval is ignored; "
        "did you mean guest_monitoring_interval?",
    ]


def test_an_unknown_section_is_named_once(tmp_path: Path) -> None:
    assert remarks(tmp_path, "[proces]\ncheck_interval = 3\nrestart_retries = 1\n") == [
        "1: unknown section [proces] is ignored; did you mean process?"
    ]


def test_an_option_in_the_wrong_section_is_sent_to_the_right_one(tmp_path: Path) -> None:
    assert remarks(tmp_path, "[DEFAULT]\nprocess_list_path = /x\n") == [
        "2: unknown option [DEFAULT] process_list_path is ignored; it belongs into [process]"
    ]


@pytest.mark.parametrize(("name", "why"), [("watch_log_file", "copytruncate"), ("use_eventlog", "Windows")])
def test_what_a_library_has_lost_is_not_taken_for_misspelt(tmp_path: Path, name: str, why: str) -> None:
    said = remarks(tmp_path, f"[DEFAULT]\n{name} = true\n")
    # The library of an earlier release, which has it still, reads it.
    assert why in unknown.unfit("DEFAULT", name) and not any("did you mean" in one for one in said)


def test_an_option_that_is_called_like_a_section_is_none(tmp_path: Path) -> None:
    (said,) = remarks(tmp_path, "[DEFAULT]\nprocess = x\n")
    assert said.startswith("2: unknown option [DEFAULT] process is ignored")


def test_an_older_name_works_and_is_told(tmp_path: Path) -> None:
    assert remarks(tmp_path, "[DEFAULT]\nhost = a\n") == [
        "2: [DEFAULT] host is an older name and still works; its name is now hostname"
    ]


@pytest.mark.parametrize(
    "section",
    [
        *("cors", "healthcheck", "oslo_middleware", "oslo_concurrency", "oslo_messaging_notifications"),
        *("keystone_authtoken", "oslo_policy", "database", "cache", "privsep"),
    ],
)
def test_sections_of_other_libraries_are_left_alone(tmp_path: Path, section: str) -> None:
    assert remarks(tmp_path, f"[{section}]\nwhatever = 1\n") == []


def test_options_of_other_libraries_in_default_are_left_alone(tmp_path: Path) -> None:
    assert (
        remarks(tmp_path, "[DEFAULT]\ntransport_url = rabbit://\nbackdoor_port = 1\nlog_dir = /tmp\n") == []
    )


def test_a_name_with_dashes_is_not_read_and_therefore_named(tmp_path: Path) -> None:
    assert remarks(tmp_path, "[api]\nauth_type = none\nendpoint = http://x\nregion-name = a\n") == [
        "4: unknown option [api] region-name is ignored; did you mean region_name?"
    ]


def test_older_names_of_libraries_are_known_too(tmp_path: Path) -> None:
    assert remarks(tmp_path, "[DEFAULT]\nlogdir = /tmp\n") == [
        "2: [DEFAULT] logdir is an older name and still works; its name is now log_dir"
    ]


def test_an_option_of_another_authentication_plugin_is_named(tmp_path: Path) -> None:
    assert remarks(tmp_path, "[api]\nauth_type = none\nendpoint = http://x\nusername = a\n") == [
        "4: unknown option [api] username is ignored: it belongs to another auth_type"
    ]


def test_credentials_in_a_section_of_their_own_are_left_alone(tmp_path: Path) -> None:
    text = "[api]\nauth_section = masakari_auth\n[masakari_auth]\nauth_type = password\nusername = a\n"
    assert remarks(tmp_path, text) == []


def test_further_consul_datacentres_are_known(tmp_path: Path) -> None:
    assert remarks(tmp_path, "[consul]\nagent_backup = 192.0.2.1:8500\n") == []


def test_every_file_is_read_configuration_folders_included(tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (tmp_path / "a.conf").write_text("[host]\nfrist = 1\n")
    (tmp_path / "b.conf").write_text("[host]\nsecond = 1\n")
    (folder / "c.conf").write_text("[host]\nthird = 1\n")
    (folder / "not-read.txt").write_text("[host]\nfourth = 1\n")
    argv = [
        "--config-file",
        f"{tmp_path}/a.conf",
        "--config-file",
        f"{tmp_path}/b.conf",
        "--config-dir",
        str(folder),
    ]
    found = unknown.remarks(conf.load(argv))
    assert [(Path(r.file).name, r.line) for r in found] == [("a.conf", 2), ("b.conf", 2), ("c.conf", 2)]


def test_default_folders_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "c.conf").write_text("[host]\nthird = 1\n")
    loaded = conf.load([], default_config_files=[], default_config_dirs=[str(tmp_path)])
    assert [r.line for r in unknown.remarks(loaded)] == [2]


def test_a_deployed_configuration_loads_with_exactly_the_expected_warnings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    argv = [
        "--config-file",
        str(DATA / "deployed.conf"),
        "--config-file",
        str(DATA / "deployed-hostmonitor.conf"),
    ]
    loaded = conf.load(argv, prog="masakari-hostmonitor", default_config_dirs=[])
    with caplog.at_level(logging.WARNING):
        unknown.warn(loaded)
    assert [record.getMessage().replace(str(DATA), "") for record in caplog.records] == [
        "Configuration: /deployed.conf, line 4: [DEFAULT] host is an older name and still works; its name "
        "is now hostname",
        "Configuration: /deployed.conf, line 17: unknown option [api] www_authenticate_uri is ignored",
        "Configuration: /deployed.conf, line 28: unknown option [api] memcached_servers is ignored",
        "Configuration: /deployed.conf, line 51: unknown option [introspectiveinstancemonitor] "
        "guest_monitor_interval is ignored; did you mean guest_monitoring_interval?",
        "Configuration: /deployed-hostmonitor.conf, line 5: unknown option [host] disable_ipmi_checks is "
        "ignored; did you mean disable_ipmi_check?",
    ]
    assert loaded.hostname == "compute-07"
    assert loaded.libvirt.connection_uri == "qemu+tcp://192.0.2.17/system"
    assert loaded.api.api_interface == "internal"
    assert loaded.api.password == "a=b#c"
    assert loaded.host.monitoring_driver == "consul"
    assert loaded.host.monitoring_interval == 30, "a later file has the last word"
    assert loaded.use_journal is True
    assert loaded.masakarimonitors_privileged.helper_command.startswith("sudo masakari-rootwrap")

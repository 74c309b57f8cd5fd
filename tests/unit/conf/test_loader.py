"""Loading and validating: what an operator reads when a file is wrong."""

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import loading
from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.conf import ConfigFault


def load(path: Path, text: str, *more: str) -> cfg.ConfigOpts:
    file = path / "monitors.conf"
    file.write_text(text)
    return conf.load(["--config-file", str(file), *more], default_config_dirs=[])


def fault(path: Path, text: str) -> str:
    with pytest.raises(ConfigFault) as raised:
        load(path, text)
    return str(raised.value)


def test_without_any_file_the_defaults_hold() -> None:
    loaded = conf.load([], default_config_files=[], default_config_dirs=[])
    assert loaded.hostname == socket.gethostname()
    assert loaded.process.check_interval == 5


@pytest.mark.parametrize(
    ("section", "line", "expected"),
    [
        ("process", "check_interval = soon", "a whole number of at least 1"),
        ("process", "check_interval = 0", "a whole number of at least 1"),
        ("process", "restart_retries = -1", "a whole number of at least 0"),
        ("host", "disable_ipmi_check = perhaps", "true or false"),
        ("host", "pacemaker_node_type = neighbour", "one of: autodetect, cluster, remote"),
        ("receiver", "port = 70000", "a whole number from 0 to 65535"),
        ("status", "listen = nowhere", "host:port, [address]:port or the path of a unix socket"),
        ("DEFAULT", "hostname = two words", "1 to 255 letters, digits, dots, dashes or underscores"),
        ("DEFAULT", "host = two words", "1 to 255 letters, digits, dots, dashes or underscores"),
        ("DEFAULT", "debug = perhaps", "true or false"),
        ("masakarimonitors_privileged", "thread_pool_size = 0", "a whole number of at least 1"),
    ],
)
def test_a_wrong_value_is_named_with_option_value_file_and_line(
    tmp_path: Path, section: str, line: str, expected: str
) -> None:
    said = fault(tmp_path, f"# first line\n[{section}]\n\n{line}\n")
    assert f"[{section}] {line}" in said
    assert f"{tmp_path}/monitors.conf, line 4" in said
    assert expected in said


def test_the_line_named_is_the_one_that_counts(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.conf").write_text("[process]\ncheck_interval = b\n")
    (tmp_path / "more" / "a.conf").write_text("[process]\ncheck_interval = a\n")
    with pytest.raises(ConfigFault, match=r"= b \(.*more/b.conf, line 2\)"):
        load(tmp_path, "[process]\ncheck_interval = 3\n", "--config-dir", str(tmp_path / "more"))


def test_all_wrong_values_are_told_at_once(tmp_path: Path) -> None:
    said = fault(tmp_path, "[process]\ncheck_interval = x\nrestart_retries = y\n")
    assert "check_interval" in said and "restart_retries" in said


def test_a_wrong_environment_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PROCESS__CHECK_INTERVAL", "often")
    assert "environment variable OS_PROCESS__CHECK_INTERVAL" in fault(
        tmp_path, "[process]\ncheck_interval = 3\n"
    )


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    said = fault(tmp_path, "[process]\ncheck_interval = 3\nnonsense\n")
    assert "monitors.conf, line 3, is broken: No ':' or '=' found in assignment." in said


@pytest.mark.parametrize(
    "line",
    [
        *(
            "hunter2secret",
            "password hunter2secret",
            "= hunter2secret",
            "[hunter2secret",
            "[api]hunter2secret",
        ),
        *("[DEFAULT]\n\n  hunter2secret", "[]hunter2secret"),
    ],
)
def test_nothing_of_a_broken_line_is_said(tmp_path: Path, line: str) -> None:
    said = fault(tmp_path, f"[api]\n{line}\n")
    assert re.search(r"monitors\.conf, line [234], is broken: ", said) and "hunter2" not in said


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigFault, match=r"/nowhere/at/all\.conf"):
        conf.load(["--config-file", "/nowhere/at/all.conf"])


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(ConfigFault, match="/nowhere/at/all"):
        conf.load(["--config-dir", "/nowhere/at/all"], default_config_files=[])


def test_a_file_that_is_not_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "monitors.conf").write_bytes(b"[process]\ncheck_interval = \xff\xfe\n")
    with pytest.raises(ConfigFault, match="UTF-8"):
        conf.load(["--config-file", str(tmp_path / "monitors.conf")])


def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match=f"{tmp_path} cannot be read: Is a directory"):
        conf.load(["--config-file", str(tmp_path)])


def test_a_file_of_which_a_crash_has_left_nothing_but_its_size_is_a_fault(tmp_path: Path) -> None:
    said = fault(tmp_path, "[DEFAULT]\nstate_path = /var\0\0\0")
    assert (
        "line 2: [DEFAULT] state_path has a character that is no text (NUL)" in said
        and "Write it anew" in said
    )


def test_an_unreadable_certificate_is_named_with_its_line(tmp_path: Path) -> None:
    said = fault(tmp_path, "[api]\ncafile = /nowhere/ca.pem\n")
    assert "[api] cafile = /nowhere/ca.pem" in said and "line 2" in said and "No such file" in said


def test_an_unknown_authentication_plugin_lists_what_there_is(tmp_path: Path) -> None:
    said = fault(tmp_path, "[api]\nauth_type = pasword\n")
    assert "[api] auth_type = <7 characters" in said and "v3applicationcredential" in said


def test_what_the_authentication_plugin_needs_is_asked_for(tmp_path: Path) -> None:
    assert "[api] auth_url is missing" in fault(tmp_path, "[api]\nauth_type = password\n")


def test_a_user_without_a_plugin_means_a_password_as_deployed_files_have_it(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[api]\nauth_url = http://192.0.2.1:5000\nusername = masakari\ncafile =\n")
    assert loaded.api.auth_type == "password"
    assert loaded.api.username == "masakari"
    auth: Any = loading.load_auth_from_conf_options(loaded, "api")
    assert auth.auth_url == "http://192.0.2.1:5000"


def test_half_of_the_credentials_is_a_slip(tmp_path: Path) -> None:
    assert "[api] auth_url is missing" in fault(tmp_path, "[api]\nusername = masakari\n")


def test_credentials_may_stand_in_a_section_of_their_own(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[api]\nauth_section = cloud\n[cloud]\nauth_type = none\nendpoint = http://x\n")
    auth: Any = loading.load_auth_from_conf_options(loaded, "api")
    assert auth.endpoint == "http://x"


def test_every_authentication_plugin_brings_its_options(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "[api]\nauth_type = v3applicationcredential\nauth_url = http://127.0.0.1/\n"
        "application_credential_id = abc\napplication_credential_secret = xyz\n",
    )
    assert loaded.api.application_credential_id == "abc"


def test_no_identity_service_is_needed_with_an_endpoint(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[api]\nauth_type = none\nendpoint = http://127.0.0.1:15868/v1\n")
    assert loaded.api.endpoint == "http://127.0.0.1:15868/v1"


def test_a_secret_never_stands_in_a_message(tmp_path: Path) -> None:
    said = fault(tmp_path, "[api]\nauth_type = password\nauth_url = http://x/\npassword = $nothing\n")
    assert "[api] password = <secret>" in said and "nothing" not in said


def test_two_configurations_do_not_know_each_other(tmp_path: Path) -> None:
    load(tmp_path, "[api]\nauth_type = password\nauth_url = http://x/\n")
    assert load(tmp_path, "[api]\nauth_type = none\n").api.endpoint is None


def test_quoted_values_lose_their_quotes(tmp_path: Path) -> None:
    loaded = load(tmp_path, '[libvirt]\nconnection_uri = "qemu+tcp://192.0.2.1/system"\n')
    assert loaded.libvirt.connection_uri == "qemu+tcp://192.0.2.1/system"


def test_where_tells_the_place_of_a_value(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[process]\n\nprocess_list_path = /x.yaml\n")
    assert conf.where(loaded, "process", "process_list_path") == (
        f"[process] process_list_path = /x.yaml ({tmp_path}/monitors.conf, line 3)"
    )
    assert conf.where(loaded, "host", "ipmi_timeout") == "[host] ipmi_timeout"


def test_a_host_whose_name_masakari_refuses_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "my host")
    with pytest.raises(ConfigFault, match=r"'my host'.*Set \[DEFAULT\] hostname"):
        conf.load([], default_config_files=[], default_config_dirs=[])


def test_a_line_break_behind_the_name_of_the_host_is_no_part_of_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OS_DEFAULT__HOSTNAME", "compute-1\n")
    with pytest.raises(ConfigFault, match="1 to 255 letters"):
        conf.load([], default_config_files=[], default_config_dirs=[])


def test_a_shadow_by_the_flag_whatever_else_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path, "").shadow is False
    shadow = load(tmp_path, "[DEFAULT]\nshadow = false\n[host]\nreporter = elected\n", "--shadow")
    assert shadow.shadow is True and shadow.host.reporter == "all"
    monkeypatch.setenv("OS_DEFAULT__SHADOW", "false")
    assert load(tmp_path, "", "--shadow").shadow is True
    assert load(tmp_path, "[DEFAULT]\nshadow = true\n").shadow is False, "a variable beats a file"
    assert load(tmp_path, "[DEFAULT]\nshadow = true\n", "--noshadow").shadow is False


def test_what_shadow_cannot_be_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault(tmp_path, "[DEFAULT]\nshadow = ture\n") == (
        f"[DEFAULT] shadow = ture ({tmp_path}/monitors.conf, line 2) is not valid: expected is true or false."
    )
    monkeypatch.setenv("OS_DEFAULT__SHADOW", "")
    assert "environment variable OS_DEFAULT__SHADOW" in fault(tmp_path, "")


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        *((["--help"], 0), (["--version"], 0), (["--nonsense"], 2)),
        *((["--shaddow"], 2), (["--shadow=true"], 2), (["--shadow", "true"], 2), (["-shadow"], 2)),
    ],
)
def test_the_command_line_keeps_its_manners(argv: list[str], status: int) -> None:
    with pytest.raises(SystemExit) as left:
        conf.load(argv, default_config_files=[], default_config_dirs=[])
    assert left.value.code == status


@pytest.mark.parametrize(
    "line",
    [
        "[api]\ntimeout = hunter2",
        "[api]\napi_interface = hunter2",
        "[api]\ninsecure = hunter2",
        "[api]\ncafile = hunter2",
        "[api]\nauth_type = hunter2",
        "[api]\ntimeout = hunter2$x",
        "[callback]\nretry_max = hunter2",
    ],
)
def test_a_password_behind_the_wrong_name_is_not_shown(tmp_path: Path, line: str) -> None:
    file = tmp_path / "monitors.conf"
    file.write_text(f"{line}\n")
    with pytest.raises(ConfigFault, match="not shown, as they may be a secret") as raised:
        conf.load(["--config-file", str(file)], default_config_dirs=[])
    assert "hunter2" not in str(raised.value) and "line 2" in str(raised.value)


def test_what_is_expected_is_said_all_the_same(tmp_path: Path) -> None:
    said = fault(tmp_path, "[api]\napi_interface = private\n")
    assert "api_interface = <7 characters" in said and "one of: public, internal, admin" in said


def test_a_configuration_that_cannot_be_seen_is_a_fault_and_not_the_defaults() -> None:
    """So nothing starts on them, and a SIGHUP changes nothing."""
    with pytest.raises(
        ConfigFault, match="may not look into /etc/masakarimonitors, where the monitors find"
    ) as raised:
        conf.load([], default_config_dirs=[], unseen=lambda *asked: ["/etc/masakarimonitors"])
    assert f"uid {os.geteuid()} " in str(raised.value) and "sudo -u masakari" in str(raised.value)
    named = conf.load(
        [], default_config_files=[], default_config_dirs=[], unseen=lambda *asked: ["/never/asked"]
    )
    assert named.process.check_interval == 5

"""A variable of the environment that was meant for an option, and is read by nobody, is named; all others are not."""

import logging
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.conf import variables

_OPENRC = """
OS_APPLICATION_CREDENTIAL_ID OS_APPLICATION_CREDENTIAL_SECRET OS_AUTH_PLUGIN OS_AUTH_TYPE OS_AUTH_URL OS_CACERT OS_CERT
OS_CLIENT_CONFIG_FILE OS_CLOUD OS_COMPUTE_API_VERSION OS_DEBUG OS_DEFAULT_DOMAIN OS_DEFAULT_DOMAIN_ID
OS_DEFAULT_DOMAIN_NAME OS_DOMAIN_NAME OS_ENDPOINT_OVERRIDE OS_ENDPOINT_TYPE OS_HA_API_VERSION OS_IDENTITY_API_VERSION
OS_INSECURE OS_INTERFACE OS_KEY OS_PASSWORD OS_PROJECT_DOMAIN_ID OS_PROJECT_DOMAIN_NAME OS_PROJECT_ID OS_PROJECT_NAME
OS_REGION_NAME OS_SERVICE_TOKEN OS_SYSTEM_SCOPE OS_TENANT_NAME OS_TOKEN OS_TRUST_ID OS_USERNAME OS_USER_DOMAIN_ID
OS_USER_DOMAIN_NAME OS_VERIFY OS_VOLUME_API_VERSION
"""


def remarks(*names: str, text: str = "", path: Path | None = None) -> list[str]:
    argv = []
    if path is not None:
        (path / "x.conf").write_text(text)
        argv = ["--config-file", str(path / "x.conf")]
    loaded = conf.load(argv, default_config_files=[], default_config_dirs=[])
    return [one.removeprefix("environment variable ") for one in variables.remarks(loaded, names)]


@pytest.mark.parametrize(
    "name",
    [
        *("OS_DEFAULT_SHADOW", "OS_SHADOW", "OS_DEFALUT__SHADOW", "OS__DEFAULT__SHADOW", "OS_DEFAULT__SHADO"),
        *("OS_DEFAULT___SHADOW", "os_default__shadow", "OS_DEFAULT_SHADO"),
    ],
)
def test_a_shadow_that_is_mistyped_is_named(name: str) -> None:
    (said,) = remarks(name)
    assert said.startswith(f"{name} is ignored") and "OS_DEFAULT__SHADOW" in said


def test_of_other_sections_too() -> None:
    assert remarks(
        "OS_HOST__DISABLE_IPMI", "OS_PROCES__CHECK_INTERVAL", "OS_WEB__XYZZY", "OS_HOST_REPORTER"
    ) == [
        "OS_HOST_REPORTER is ignored; did you mean OS_HOST__REPORTER?",
        "OS_HOST__DISABLE_IPMI is ignored: [host] has no option of this name; did you mean "
        "OS_HOST__DISABLE_IPMI_CHECK?",
        "OS_PROCES__CHECK_INTERVAL is ignored; did you mean OS_PROCESS__CHECK_INTERVAL?",
        "OS_WEB__XYZZY is ignored: [web] has no option of this name",
    ]


def test_an_older_name_is_read_in_files_only() -> None:
    (said,) = remarks("OS_DEFAULT__HOST")
    assert said.startswith("OS_DEFAULT__HOST is ignored: [DEFAULT] has no option of this name")


def test_one_of_another_way_to_log_in(tmp_path: Path) -> None:
    text = "[api]\nauth_type = none\nendpoint = http://x\n"
    assert remarks("OS_API__USERNAME", text=text, path=tmp_path) == [
        "OS_API__USERNAME is ignored: it belongs to another auth_type"
    ]


def test_what_is_read_or_is_others_is_left_alone() -> None:
    read = ["OS_DEFAULT__SHADOW", "OS_DEFAULT__USE_JOURNAL", "OS_API__USERNAME", "OS_CONSUL__AGENT_BACKUP"]
    others = [
        "OS_DATABASE__CONNECTION",
        "OS_OSLO_CONCURRENCY__X",
        "OS_DEFAULT__TRANSPORT_URL",
        "OS_MYDRIVER__X",
    ]
    assert remarks(*read, *others, *_OPENRC.split(), "PATH", "SHADOW", "OS_", "OS__", "OS___") == []


def test_it_is_a_warning_at_the_start_without_the_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OS_API_PASSWORD", "hunter2")
    with caplog.at_level(logging.WARNING):
        variables.warn(conf.load([], default_config_files=[], default_config_dirs=[]))
    assert "OS_API_PASSWORD is ignored; did you mean OS_API__PASSWORD?" in caplog.text
    assert "hunter2" not in caplog.text

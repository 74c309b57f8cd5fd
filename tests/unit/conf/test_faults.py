"""What an operator reads of a wrong value: which assignment counts, where it stands, what was expected."""

from collections.abc import Sequence

import pytest
from oslo_config import cfg, types

from masakarimonitors.conf import faults
from masakarimonitors.conf.files import Setting

PORT = cfg.PortOpt("port")
RENAMED = cfg.StrOpt(
    "hostname",
    deprecated_opts=[
        cfg.DeprecatedOpt("host"),
        cfg.DeprecatedOpt("name", group="Node"),
        cfg.DeprecatedOpt("here", group="DEFAULT"),
    ],
)


def setting(section: str, name: str | None, value: str, line: int) -> Setting:
    return Setting(file="/etc/a.conf", line=line, section=section, name=name, value=value)


def test_every_name_under_which_an_option_is_looked_up() -> None:
    assert faults.names_of(PORT, "receiver") == {("receiver", "port")}
    assert faults.names_of(RENAMED, "receiver") == {
        ("receiver", "hostname"),
        ("receiver", "host"),
        ("node", "name"),
        ("DEFAULT", "here"),
    }


def test_the_last_assignment_counts_under_whichever_name() -> None:
    settings = [
        setting("receiver", "hostname", "first", 1),
        setting("node", "name", "second", 2),
        setting("process", "hostname", "another option", 3),
        setting("receiver", None, "", 4),
    ]
    assert faults.setting_of(RENAMED, "receiver", settings) is settings[1]
    assert faults.setting_of(PORT, "receiver", settings) is None


@pytest.mark.parametrize(
    ("option", "settings", "said"),
    [
        (PORT, [], "[receiver] port"),
        (PORT, [setting("receiver", "port", "70000", 7)], "[receiver] port = 70000 (/etc/a.conf, line 7)"),
        (RENAMED, [setting("node", "name", "a", 2)], "[node] name = a (/etc/a.conf, line 2)"),
        (PORT, [setting("receiver", "port", "1\n2", 1)], "[receiver] port = 1 2 (/etc/a.conf, line 1)"),
        (
            cfg.StrOpt("password", secret=True),
            [setting("receiver", "password", "hush", 3)],
            "[receiver] password = <secret> (/etc/a.conf, line 3)",
        ),
        *(
            (
                cfg.StrOpt(name),
                [setting("receiver", name, "hush", 3)],
                f"[receiver] {name} = <secret> (/etc/a.conf, line 3)",
            )
            for name in ("bmc_password", "access_token", "client_secret", "passcode", "idp_otp_key")
        ),
        (
            cfg.StrOpt("name", deprecated_name="admin_password"),
            [setting("receiver", "admin_password", "hush", 3)],
            "[receiver] admin_password = <secret> (/etc/a.conf, line 3)",
        ),
        (
            cfg.StrOpt("connection"),
            [setting("receiver", "connection", "mysql://me:hu/s@h@db/x?y=1", 3)],
            "[receiver] connection = mysql://<secret>@db/x?y=1 (/etc/a.conf, line 3)",
        ),
        (
            cfg.StrOpt("connection"),
            [setting("receiver", "connection", "x " * 90 + "mysql://me:" + "hush" * 90 + "@db", 3)],
            "[receiver] connection = " + "x " * 90 + "mysql://<secret>@db (/etc/a.conf, line 3)",
        ),
    ],
)
def test_an_assignment_is_described_as_it_was_written(
    option: cfg.Opt, settings: Sequence[Setting], said: str
) -> None:
    assert faults.describe(option, "receiver", settings) == said


HIDDEN = "<7 characters that are not shown, as they may be a secret>"


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        (cfg.FloatOpt("timeout"), "hunter2", HIDDEN),
        (cfg.FloatOpt("timeout"), "-3", "-3"),
        (cfg.FloatOpt("timeout"), "0.5", "0.5"),
        (cfg.FloatOpt("timeout"), "1234567", HIDDEN),
        (cfg.IntOpt("retry_max"), "hunter2", HIDDEN),
        (cfg.IntOpt("retry_max"), "$hunter", HIDDEN),
        (PORT, "70000", "70000"),
        (cfg.BoolOpt("insecure"), "hunter2", HIDDEN),
        (cfg.StrOpt("interface", choices=["public"]), "hunter2", HIDDEN),
        (cfg.StrOpt("cafile"), "hunter2", HIDDEN),
        (cfg.StrOpt("cafile"), "/etc/ca", "/etc/ca"),
        (cfg.StrOpt("password"), "hunter2", "<secret>"),
    ],
)
def test_what_is_not_of_the_options_kind_may_be_a_secret_where_there_are_some(
    option: cfg.Opt, value: str, shown: str
) -> None:
    said = faults.describe(option, "api", [setting("api", str(option.dest), value, 1)], hide=True)
    assert said == f"[api] {option.dest} = {shown} (/etc/a.conf, line 1)"


@pytest.mark.parametrize(
    ("section", "option", "may"),
    [
        ("api", PORT, True),
        ("callback", PORT, True),
        ("consul", cfg.StrOpt("token"), True),
        ("x", cfg.StrOpt("y", secret=True), True),
        ("process", PORT, False),
    ],
)
def test_which_sections_may_hold_a_secret(section: str, option: cfg.Opt, may: bool) -> None:
    assert faults.may_hold_secrets(section, [option]) is may


def test_a_long_value_is_cut() -> None:
    said = faults.describe(PORT, "receiver", [setting("receiver", "port", "word " * 1000, 1)])
    assert said.startswith("[receiver] port = word word") and "word ... (" in said and len(said) < 300


def test_the_environment_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_RECEIVER__PORT", "soon")
    assert faults.describe(PORT, "receiver", [setting("receiver", "port", "1", 1)]) == (
        "[receiver] port = soon (environment variable OS_RECEIVER__PORT)"
    )


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (PORT, "a whole number from 0 to 65535"),
        (cfg.IntOpt("x", min=1), "a whole number of at least 1"),
        (cfg.IntOpt("x", max=9), "a whole number of at most 9"),
        (cfg.IntOpt("x"), "a whole number"),
        (cfg.FloatOpt("x", min=0.5), "a number of at least 0.5"),
        (cfg.BoolOpt("x"), "true or false"),
        (cfg.StrOpt("x", choices=["a", "b"]), "one of: a, b"),
        (cfg.StrOpt("x", regex="a+"), "text that matches a+"),
        (cfg.StrOpt("x", regex="a+", metavar="some letters"), "some letters"),
        (cfg.Opt("x", type=types.IPAddress()), "a value of type IPAddress"),
    ],
)
def test_what_a_valid_value_looks_like(option: cfg.Opt, words: str) -> None:
    assert faults.expected(option) == words

"""What is shown of text from outside."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.printable import masked, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nova-compute", "nova-compute"),
        ("ein Gerät, 日本", "ein Gerät, 日本"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nCRITICAL forged", r"a\nCRITICAL forged"),
        ("over\rwritten", r"over\rwritten"),
        ("\x9b2J\x00\x7f", r"\x9b2J\x00\x7f"),
        ("left\u202eright", r"left\u202eright"),
        ("line\u2028end", r"line\u2028end"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_would_not_be_seen_as_itself_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_to_stay_stays() -> None:
    assert printable("a\n\tb\x1b", keep="\n") == "a\n\\tb\\x1b"


def test_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 10, 4) == "xxxx..."
    assert printable("xxxx", 4) == "xxxx"


@given(st.text(), st.integers(0, 20))
def test_whatever_it_is_given_it_shows_on_one_line(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert shown.isprintable() and len(shown) <= longest + 3


@pytest.mark.parametrize(
    "text",
    [
        "GET https://admin:geheim@keystone:5000/v3",
        "http://admin:ganz@geheim@keystone:5000/v3",
        "rabbit://nova:geheim@a:5672,nova:geheim@b:5672//",
        "X-Auth-Token: geheim",
        "Authorization: Bearer geheim",
        '{"password": "geheim geheim"}',
        json.dumps({"said": json.dumps({"token": 'geheim "geheim'})}),
        "auth failed (password=geheim)",
        "ipmi_password = geheim",
        "OS_PASSWORD=geheim systemctl restart nova",
        "openstack --os-password geheim service list",
        "openstack --os-password 'geheim geheim' service list",
        "agent --api-key geheim --quiet",
        "agent -token geheim",
        "agent --Pass=geheim",
        "agent --db-pwd geheim",
        'agent --credentials "geheim',
        "secret_key: geheim",
    ],
)
def test_what_looks_like_a_secret_is_not_shown(text: str) -> None:
    shown = masked(text)
    assert "geheim" not in shown and "***" in shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "systemctl restart nova-compute --no-block --quiet",
        "no token was had: keystone answered 401 to the password of masakari",
        "agent --password-file /etc/secret --token-ttl 5 --keyring /etc/ring --compass north",
        "agent --token --quiet",
        '{"said": "password=\\"***", "x": 1}',
        "[api] password = <secret> (a.conf, line 3)",
        "https://keystone:5000/v3 is not reached; bypass: yes",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert masked(text) == text


def test_what_stands_behind_an_address_in_the_same_document_stays() -> None:
    assert masked('{"at":"//a:geheim@b","by":"c@d"}') == '{"at":"//***@b","by":"c@d"}'


@given(st.text())
def test_whatever_it_is_given_it_masks(text: str) -> None:
    assert masked(f"a\n--token geheim {text}").startswith("a\n--token *** ")

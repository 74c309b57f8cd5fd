"""What is shown of other people's words: never a secret, never half of one."""

import pytest

from masakarimonitors.hostmonitor.power.redact import holds_login, place, shown

SECRET = "Tr0ub4dor & three"


@pytest.mark.parametrize(
    "words",
    [
        f"no session for {SECRET}",
        "x" * 190 + SECRET,  # the cut would fall into it
        "no session for Tr0ub4dor\n   &   three",  # a tool that wraps its lines
        "GET https://admin:Tr0ub4dor%20%26%20three@bmc-1/",
        "POST user=admin&password=Tr0ub4dor+%26+three",
    ],
)
def test_no_part_of_a_secret_is_shown(words: str) -> None:
    told = shown(words, SECRET)
    for part in ("Tr0u", "4dor", "three"):
        assert part not in told


def test_what_is_escaped_in_json_is_a_secret_too() -> None:
    assert shown('{"password": "a\\"b\\\\c"}', 'a"b\\c') == '{"password": "***"}'


def test_words_are_one_short_line_without_control_characters() -> None:
    assert shown("a\n\n  b\x1b[31mc") == r"a b\x1b[31mc"
    assert shown("x" * 300) == "x" * 200


def test_an_empty_secret_masks_nothing() -> None:
    assert shown("no password", "") == "no password"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert shown("abcdef", "abc", "abcdef") == "***"


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("https://admin:S3cret@bmc-1:8443/x", "https://bmc-1:8443/x"),
        ("admin@bmc-1", "bmc-1"),
        ("https://a:p@ss@bmc-1", "https://bmc-1"),
        ("bmc-1", "bmc-1"),
        ("[fd00::1]", "[fd00::1]"),
    ],
)
def test_a_login_in_an_address_is_not_shown(host: str, told: str) -> None:
    assert place(host) == told
    assert holds_login(host) == (host != told)

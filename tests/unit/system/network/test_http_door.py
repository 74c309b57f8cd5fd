"""Who may ask: by which names, and from whose pages."""

from typing import Any

import pytest

from masakarimonitors.system.network.http_door import Asked, names_of, refusal

NAMES = names_of(["compute-1", "Status.Example.org.", "fd00::7", ""])


def status(host: str | None = "127.0.0.1:9090", at: str = "10.0.0.5", **more: Any) -> int | None:
    """Of a GET that arrives at `at`."""
    hosts = [] if host is None else [host]
    no = refusal(Asked(**{"method": "GET", "at": at, "hosts": hosts, **more}), NAMES, "[status] names")
    return no.status if no else None


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:9090", "localhost.", "127.0.0.1", "127.9.9.9:1", "[::1]:9090"),
        *("[::ffff:127.0.0.1]", "10.0.0.5", "10.0.0.5:9090", "[::ffff:10.0.0.5]"),
        *("compute-1:9090", "COMPUTE-1", "status.example.org", "[fd00::7]:9090"),
    ],
)
def test_it_is_asked_by_loopback_by_where_it_was_reached_and_by_configured_names(host: str) -> None:
    assert status(host) is None


@pytest.mark.parametrize("at", ["fe80::1%eth0", "::ffff:10.0.0.9"])
def test_an_address_is_compared_as_an_address(at: str) -> None:
    host = {"fe80::1%eth0": "[fe80:0:0::1]", "::ffff:10.0.0.9": "10.0.0.9"}[at]
    assert status(host, at) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("compute-1.evil.example", "10.0.0.6", "169.254.169.254", "[fd00::8]", "xlocalhost"),
    ],
)
def test_any_other_name_or_address_is_misdirected(host: str) -> None:
    assert status(host) == 421


@pytest.mark.parametrize("host", ["", "a b", "user@localhost", "localhost/x", "localhost:x", "[::1", "[x]"])
def test_what_is_no_host_is_refused(host: str) -> None:
    assert status(host) == 400


def test_one_host_is_needed_but_by_those_who_cannot_say_it() -> None:
    assert status(None) == 400
    assert status(None, old=True) is None
    assert status(hosts=["localhost", "localhost"]) == 400
    assert status("evil.example", old=True) == 421


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:9090", None),
        ("https://127.0.0.1:9090", None),
        ("http://127.0.0.1:8000", 403),  # another server of this host's
        ("http://127.0.0.1", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_asks_only_where_it_came_from(method: str, origin: str, expected: int | None) -> None:
    assert status(method=method, origins=[origin]) == expected
    assert status(method=method, origins=["http://127.0.0.1:9090", origin]) == expected


@pytest.mark.parametrize(
    ("site", "expected"),
    [("", None), ("same-origin", None), ("none", None), ("same-site", 403), ("cross-site", 403), ("x", 403)],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_sites_page_asks_nothing(method: str, site: str, expected: int | None) -> None:
    assert status(method=method, site=site) == expected


def test_who_follows_a_link_sees_the_page_and_no_other_page_does() -> None:
    followed = {"site": "cross-site", "mode": "navigate", "destination": "document"}
    assert status(**followed) is None
    assert status(**{**followed, "destination": "iframe"}) == 403
    assert status(**{**followed, "mode": "no-cors"}) == 403
    assert status(method="POST", **followed) == 403


def test_a_refusal_says_what_to_do() -> None:
    no = refusal(Asked(method="GET", at="10.0.0.5", hosts=["evil.example"]), NAMES, "[status] names")
    assert (
        no is not None
        and "evil.example" in no.why
        and "add the name" in no.why
        and "[status] names" in no.why
    )

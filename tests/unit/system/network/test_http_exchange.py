"""The time and the size of requests, whoever makes them; what that does to real ones stands in the tests of those."""

import pytest

from masakarimonitors.system.network.http_exchange import Exchange, current, is_loopback


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:15868/v1", True),
        ("http://127.8.9.10/", True),
        ("https://localhost:1/", True),
        ("http://LOCALHOST/", True),
        ("http://api.localhost/", True),
        ("http://[::1]:15868/", True),
        ("http://[::ffff:127.0.0.1]/", True),
        ("http://128.0.0.1/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost.example.org/", False),
        ("http://[fe80::1%eth0]/", False),
        ("http://masakari/", False),
        ("", False),
    ],
)
def test_this_computer_is_known_by_its_addresses_and_by_one_name(url: str, here: bool) -> None:
    assert is_loopback(url) is here


def test_an_exchange_has_its_time_once() -> None:
    exchange = Exchange(30.0)
    assert 0 < exchange.left() <= 30.0 and not exchange.over
    exchange = Exchange(0.0)
    assert exchange.over
    with pytest.raises(TimeoutError):
        exchange.left()


def test_what_an_answer_sends_has_a_bound_and_is_counted_for_each_request() -> None:
    exchange = Exchange(30.0, largest=1000)
    for _ in range(2):
        exchange.begin()
        answering = [exchange.answering]
        exchange.came(1 << 20)
        assert [*answering, exchange.answering] == [False, True]
        with pytest.raises(OSError, match="more than"):
            exchange.came(1001)


def test_requests_of_a_thread_belong_to_the_innermost_exchange() -> None:
    outer, inner, seen = Exchange(30.0), Exchange(30.0), [current()]
    with outer.here():
        with inner.here():
            seen.append(current())
        seen.append(current())
    seen.append(current())
    assert seen == [None, inner, outer, None]

"""Signals that come before anybody listens, while somebody does, and after."""

import os
import signal
from collections.abc import Iterator

import pytest

from masakarimonitors.system.service import signals


@pytest.fixture(autouse=True, params=signals.HELD)
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    before = {one: signal.getsignal(one) for one in signals.HELD}
    signals.hold()
    try:
        yield request.param
    finally:
        signals.release()
        for one, handler in before.items():
            signals.forget(one)
            signal.signal(one, handler)


def test_one_that_comes_early_is_kept_for_who_listens_first(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    heard: list[str] = []
    signals.listen(number, lambda: heard.append("first"))
    assert heard == ["first"]
    os.kill(os.getpid(), number)
    assert heard == ["first", "first"]
    signals.forget(number)
    os.kill(os.getpid(), number)
    assert heard == ["first", "first"]


def test_each_has_its_own_listener(number: signal.Signals) -> None:
    heard: list[signal.Signals] = []
    for each in signals.HELD:
        signals.listen(each, lambda each=each: heard.append(each))  # type: ignore[misc]
    os.kill(os.getpid(), number)
    assert heard == [number]


def test_a_command_that_is_started_does_not_ignore_it(number: signal.Signals) -> None:
    assert signal.getsignal(number) not in (signal.SIG_IGN, signal.SIG_DFL)
    signals.release()
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_command_that_fails_does_so_although_whoever_started_us_ignored_sigchld() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        signals.hold()
        pid = os.posix_spawnp("false", ["false"], os.environ)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    finally:
        signal.signal(signal.SIGCHLD, before)

"""What holds for every test."""

import asyncio
import contextlib
import gc
import itertools
import os
import shlex
import sys
from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

from tests.fixtures import fake_clock, keeper
from tests.fuzz.driver import state_of_the_program

# A property is about values, not about speed: on a loaded host one example may take seconds, and so may
# drawing it. Slowness is measured in benchmarks/.
settings.register_profile(
    "any host", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("any host")

# Wherever the tests run, in memory or in a container's own layer, their monitors are none the worse for it.
os.environ["OS_DEFAULT__STATE_MAY_BE_LOST"] = "true"
# For what is started before the first test; each test has a folder of its own.
os.environ["RUNTIME_DIRECTORY"] = "/nonexistent/masakarimonitors"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """What properties are tried with is drawn anew for each state of the program, and is alike wherever that is tested.

    `--hypothesis-seed=random` draws anew each time.
    """
    if config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = int(state_of_the_program()[:12], 16)
    _keep(config)


def _keep(config: pytest.Config) -> None:
    """Have whatever the tests start end with this process. Workers of pytest-xdist are kept when they are started."""
    workers = hasattr(config, "workerinput") or config.getoption("dist", "no") != "no"
    if workers or config.option.collectonly:
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
        keeper.keep()


@pytest.hookimpl(optionalhook=True)  # as below
def pytest_xdist_setupnodes(specs: Sequence[Any]) -> None:
    """Called by pytest-xdist before it starts its workers: each has a keeper, which ends what a crash would leave."""
    for spec in specs:
        spec.python = shlex.join([sys.executable, "-S", keeper.__file__, spec.python or sys.executable])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays until the end, so the garbage collector need not walk through all of it again and again.

    For ten thousand tests that is half a million objects, and 0.4 s each time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def sockets_of_monitors_are_found_in_a_folder_of_this_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And not in /run, where those of other tests, and of the computer itself, would be found beside them.

    It is made by whoever needs it.
    """
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path_factory.getbasetemp() / f"run-{next(_NUMBERS)}"))


_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def threads_that_earlier_tests_have_left_are_not_waited_for() -> None:
    """Most of a monitor's last as long as its process, which here is that of many tests."""
    fake_clock.begin()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Real systems that last for the whole run are started once: their tests are in one group, and so with one worker.

    Elsewhere each worker would start its own; seven at once take what processors there are for a minute.
    """
    for item in session.items:
        known = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
        rigs = [
            name
            for name, (*_, fixture) in known.items()
            if fixture.scope == "session" and fixture.baseid.startswith("tests/integration")
        ]
        if rigs and item.get_closest_marker("xdist_group") is None:
            raise pytest.UsageError(
                f"{item.nodeid} shares {', '.join(rigs)} with tests of other workers: no group"
            )


class MostPatientFirst(LoadGroupScheduling):  # type: ignore[misc]
    """Groups that take minutes and mostly wait begin first, or the whole run would end with one of them alone.

    Not more than `RIGS` groups run at the same time, so that real systems find a processor in time; the other workers
    have single tests meanwhile, which use what those that wait do not. Behind one of the `WHOLE` its worker gets single
    tests: a worker must know what comes next, and nothing long is to stand behind a test that takes so long.
    """

    PATIENT = (
        "consul-scenarios",
        "consul",
        "pacemaker-members",
        "pacemaker-remotes",
        "soak",
        "virt",
        "process",
        "pacemaker-unfenced",
        "cloud",
        "kubernetes",
    )
    """By how long they last."""
    WHOLE = ("soak",)
    RIGS = 5

    def _assign_work_unit(self, node: Any) -> None:
        for name in reversed(self.PATIENT):
            if name in self.workqueue:
                self.workqueue.move_to_end(name, last=False)
        busy = self.assigned_work.get(node, {})
        whole = any(name in busy and not all(busy[name].values()) for name in self.WHOLE)
        if whole or self._rigs_of_others(node) >= self.RIGS:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        if not _is_single(group := next(iter(self.workqueue))):
            self._begun[group] = node
        super()._assign_work_unit(node)

    @cached_property
    def _begun(self) -> dict[str, Any]:
        """Which worker was given which group."""
        return {}

    def _rigs_of_others(self, node: Any) -> int:
        return sum(
            other is not node and not all(self.assigned_work.get(other, {}).get(group, {}).values())
            for group, other in self._begun.items()
        )


def _is_single(scope: str) -> bool:
    """Whether it is the id of one test, and no group's name."""
    return "::" in scope


@pytest.hookimpl(optionalhook=True)  # `make fuzz` does without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> MostPatientFirst | None:
    """Called by pytest-xdist; None: as it would do by itself."""
    return MostPatientFirst(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(autouse=True)
def no_time_out_begins_in_a_cancelled_task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time-out in a task that was cancelled before is a cancellation on Python 3.11.2, and no TimeoutError.

    So whatever is still done at the end of a cancelled task is done in a task of its own (`apart`). The same holds for
    a group of tasks. On any Python this shows where the program forgets it.
    """
    found: list[str] = []

    def watch(kind: type[Any]) -> None:
        entered = kind.__aenter__

        async def enter(self: Any) -> Any:
            task, caller = asyncio.current_task(), sys._getframe(1)
            where = caller.f_globals.get("__name__", "")
            if task is not None and task.cancelling() and where.startswith("masakarimonitors."):
                found.append(f"{where}:{caller.f_lineno}")
            return await entered(self)

        monkeypatch.setattr(kind, "__aenter__", enter)

    watch(asyncio.Timeout)
    watch(asyncio.TaskGroup)
    yield
    assert not found, f"begun in a task that was cancelled: {', '.join(sorted(set(found)))}"

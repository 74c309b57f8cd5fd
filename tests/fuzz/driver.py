"""How everything here is driven: how many examples, what counts as a fault, and when one is still at it.

`make test` plays others for each state of the program, and the same for the same one: it takes about a minute of one
core, and whoever sees it fail can have it fail again. `make fuzz` plays others each time, many more, for as long as it
is told to (`python -m tests.fuzz`).
"""

import functools
import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from hypothesis import HealthCheck, Phase, seed, settings

import masakarimonitors

T = TypeVar("T")
Test = TypeVar("Test", bound=Callable[..., None])

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Examples of each property of ordinary cost; 0: the few of `make test`."""

_FEW = 250
_ENOUGH = 10.0
"""Seconds of this process's own time, so a busy computer does not count; no example needs a tenth of them."""

MOST = 1 << 20 if EXAMPLES else 1 << 17
"""Bytes of the largest input; a mebibyte is the most that readers of files take, and takes seconds."""


def fuzzed(cost: float = 1.0) -> Callable[[Test], Test]:
    """For `@fuzzed()`; `cost`: how many times as long an example takes as an ordinary one."""
    chosen = settings(
        max_examples=max(10, round((EXAMPLES or _FEW) / cost)),
        derandomize=False,
        database=None,
        # To explain a failure takes minutes; to make it smaller is worth them where nobody waits for the tests.
        phases=(Phase.explicit, Phase.generate, Phase.shrink)
        if EXAMPLES
        else (Phase.explicit, Phase.generate),
        print_blob=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )

    def drive(test: Test) -> Test:
        driven: Test = chosen(test)
        # `make fuzz` gives a seed to pytest.
        return driven if EXAMPLES else seed(f"{state_of_the_program()} {test.__qualname__}")(driven)

    return drive


@functools.cache
def state_of_the_program() -> str:
    """Another word for each state of what is tested here, and of these tests."""
    word = hashlib.sha256()
    for folder in (Path(masakarimonitors.__file__).parent, Path(__file__).parent):
        for file in sorted(folder.rglob("*.py")):
            word.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return word.hexdigest()


class _StillAtIt(BaseException):
    """No Exception, so that nothing that is tested takes it for a fault of its input."""


@contextmanager
def ends() -> Iterator[None]:
    """What is done inside ends; otherwise an AssertionError says where it was, instead of a run that hangs."""

    def tell(_signal: int, frame: FrameType | None) -> None:
        code = frame.f_code if frame is not None else None
        raise _StillAtIt(f"{code.co_filename}:{frame.f_lineno}" if code and frame else "somewhere in C")

    before = signal.signal(signal.SIGVTALRM, tell)
    signal.setitimer(signal.ITIMER_VIRTUAL, _ENOUGH)
    try:
        yield
    except _StillAtIt as where:
        raise AssertionError(f"after {_ENOUGH:g} s of work it has not come to an end, at {where}") from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def read_or_refused(call: Callable[[], T], *refusals: type[Exception]) -> T | None:
    """What `call` makes of its input; None when it refuses it as it says that it does. All else is a fault."""
    with ends():
        try:
            return call()
        except refusals as refusal:
            # Whoever shows it has to print it.
            str(refusal)
            return None


ENDURABLE = 128 << 20
"""Bytes that no input of a mebibyte may take."""


def memory_of(call: Callable[[], object]) -> int:
    """Bytes by which this process was larger at its worst moment than before, as the kernel has counted it."""
    before = _size("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the worst moment begins to be looked for
    call()
    return _size("VmHWM") - before


def _size(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))

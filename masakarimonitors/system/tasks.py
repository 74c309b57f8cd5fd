"""A task of its own for what may end with a fault while this one goes on.

On Python 3.11 a TaskGroup of which a task fails leaves its own task counted as cancelled, for good. On 3.11.2 every
time-out in that task is a cancellation from then on and no TimeoutError; and a cancellation that comes while the
group is ending is swallowed. Neither happens to a task that only waits for the one with the group in it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises, carried out in a task of its own; whoever cancels this task cancels both.

    The other task has ended when this returns or raises.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, or asyncio would complain that nobody has: this task ends, whatever it is
        raise
    return task.result()


async def side_by_side(works: Sequence[Coroutine[Any, Any, T]]) -> Sequence[T]:
    """What each returns, in their order, carried out at the same time; raises what the first of them has raised.

    All have ended by then, so whoever undoes what they did undoes all of it. Whoever cancels this task cancels all.
    """
    done: list[T] = []
    for one in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(one, BaseException):
            raise one
        done.append(one)
    return done

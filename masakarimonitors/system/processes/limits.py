"""How many descriptors this process may have open: as many as it is allowed, while those that it starts get the usual.

Each held process, connection and file is a descriptor. A service that is started with a high soft limit may break
(select(2) serves the first 1,024), so what we start gets the limit back that we were started with.
"""

import contextlib
import resource

_started_with: list[tuple[int, int]] = []


def raise_descriptors() -> int:
    """Raise the soft limit to the hard one; how many descriptors may be open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return soft
    if not _started_with:
        _started_with.append((soft, hard))
    return hard


def allowed_descriptors() -> int:
    """How many descriptors this process may have open now."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def restore_for(pid: int) -> None:
    """Give a process that we have just started the limit that we were started with."""
    for limit in _started_with:
        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)

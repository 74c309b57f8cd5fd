"""Where a process stands: in which unit of the host's own init system, or in which container's. Pure.

In: its control groups, those of process 1, and whether it has a pid namespace of its own, as the kernel tells them.
Out: the unit, and whether it is contained. A unit is what the *host's* init system has begun: the first service on the
path of its group, and none below a container's group. What an init system inside of a container (LXC, systemd-nspawn)
calls its own services says nothing, though it may use the very names of the host's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

IN_A_CONTAINER = "a container"
"""Stands for the unit of what runs in a container that no service of the host's init system has begun."""

# Groups that container engines make, each for one container or for all of theirs.
_CONTAINER = re.compile(
    r"(?:docker|libpod|crio|cri-containerd|containerd|nerdctl)-[^/]+\.scope\Z"
    r"|systemd-nspawn@[^/]+\.service\Z|kubepods[^/]*\.slice\Z|(?:lxc\.payload|libpod-)[^/]*\Z"
    r"|(?:docker|kubepods|lxc|garden)\Z|[0-9a-f]{64}\Z"
)
_SERVICE = ".service"
# Of the groups of systemd only the topmost of all has this one, and in it are its services.
_OF_A_SYSTEM = "system.slice"


@dataclass(frozen=True, slots=True)
class Place:
    """`unit`: the service of the host's init system that has begun it, `IN_A_CONTAINER`, or "" for neither.

    `contained`: it is in a container, be that one of a unit of the host's.
    """

    unit: str = ""
    contained: bool = False


def place_of(groups: str, of_init: str = "", *, nested: bool = False) -> Place:
    """Where a process is by its /proc/PID/cgroup; `of_init`: the same of process 1. `nested`: in another pid namespace
    below the one that is looked at.

    Where one hierarchy of groups tells of a container, the others say nothing: an engine's own service stands there.
    """
    roots = dict(_hierarchies(of_init))
    seen = [_parts(path, roots.get(name, "")) for name, path in _hierarchies(groups)]
    contained = [(parts, at) for parts in seen if (at := _container(parts)) is not None]
    if contained:
        units = (_first_service(parts[: at + 1]) for parts, at in contained)
        return Place(next(filter(None, units), IN_A_CONTAINER), contained=True)
    unit = next(filter(None, map(_first_service, seen)), "")
    return Place(unit or (IN_A_CONTAINER if nested else ""), contained=nested)


def _hierarchies(groups: str) -> Iterator[tuple[str, str]]:
    for line in groups.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        yield (controllers or number), path


def _parts(path: str, of_init: str) -> Sequence[str]:
    """The groups on the way, from where the init system's own begin: a monitor in a container may see them from there.

    What is not below those is told by ".." from the monitor's own group.
    """
    root = of_init.removesuffix("/init.scope").rstrip("/")
    below = path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path
    return [part for part in below.split("/") if part and part != ".."]


def _container(parts: Sequence[str]) -> int | None:
    """Where on this way a container begins: an engine's group, or one before another system's services."""
    for at, part in enumerate(parts):
        if _CONTAINER.match(part):
            return at
        if at and part == _OF_A_SYSTEM:
            return at - 1
    return None


def _first_service(parts: Sequence[str]) -> str:
    return next((part for part in parts if part.endswith(_SERVICE)), "")


def is_containers(group: str) -> bool:
    """Whether a container engine names its groups so."""
    return _CONTAINER.match(group) is not None

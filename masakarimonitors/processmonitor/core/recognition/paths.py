"""Paths as two may tell them: in full, or from a folder that the other does not know. Pure.

A relative path is one from whichever folder: a process keeps what it was called, and not where that was said.
"""

import posixpath


def may_end(path: str, relative: str) -> bool:
    """Whether `path` may be what the relative path names, from some folder; never of one that is not relative."""
    rest = posixpath.normpath(relative)
    while rest.startswith("../"):
        rest = rest[3:]
    if not relative or rest.startswith("/") or rest in (".", ".."):
        return False
    return f"/{posixpath.normpath(path)}".endswith(f"/{rest}")


def is_named(named: str, seen: str, target: str = "") -> bool:
    """Whether what is seen at a path is what a list names so; `target`: where that leads, links followed."""
    return posixpath.normpath(seen) in (posixpath.normpath(named), target) or may_end(seen, named)


def may_be(one: str, other: str) -> bool:
    """Whether two words of a command line differ only by how a path is told, after `--option=` as well."""
    if one == other:
        return True
    if "=" in one and "=" in other:
        option, _, one = one.partition("=")
        another, _, other = other.partition("=")
        if option != another:
            return False
    if one.startswith("/") == other.startswith("/"):
        return bool(one and other) and posixpath.normpath(one) == posixpath.normpath(other)
    return may_end(one, other) or may_end(other, one)

"""The patterns of a list, with what this host says of them at this moment: links followed, users looked up.

A link may be switched while the monitor runs (alternatives, a release behind `current`), so it is followed whenever
processes are looked at. Where nothing stands any more, as in an upgrade, the last that stood there counts.
"""

import os
import pwd
from collections.abc import Iterable, Sequence
from dataclasses import replace

from masakarimonitors.processmonitor.core.observation import Entry
from masakarimonitors.processmonitor.core.recognition.matching import NOBODY_KNOWN, Pattern

_FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin")


def as_written(entries: Iterable[Entry]) -> Iterable[Pattern]:
    """The patterns of these entries before anything was looked at."""
    return [Pattern.of(entry.process_name, user=NOBODY_KNOWN if entry.user else None) for entry in entries]


def follow_again(
    patterns: Sequence[Pattern], entries: Sequence[Entry], links_only: bool = False
) -> tuple[Pattern, ...]:
    """The same patterns as they are now; with `links_only`, only those that a link led to are looked at. Blocks."""
    users = {entry.process_name: entry.user for entry in entries if entry.user}
    return tuple(
        pattern
        if links_only and not pattern.linked
        else _as_it_is_now(pattern, users.get(pattern.process_name))
        for pattern in patterns
    )


def _as_it_is_now(pattern: Pattern, user: str | None) -> Pattern:
    try:
        return _with_user(_followed(pattern), user)
    except ValueError:  # no path and no user can be called so: the other entries are seen all the same
        return pattern


def user_id(user: str) -> int | None:
    """The id of a user by name or number; None when this host knows none of that name."""
    if user.isascii() and user.isdecimal():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def _with_user(pattern: Pattern, user: str | None) -> Pattern:
    if user is None or pattern.user != NOBODY_KNOWN:
        return pattern
    found = user_id(user)
    return pattern if found is None else replace(pattern, user=found)


def _stands(pattern: Pattern) -> bool:
    """Whether the name that ends this entry's text is, in full, a program's of this host."""
    last = pattern.words[-1]
    if pattern.stands or last != pattern.script:  # an argument may be a part of a word
        return pattern.stands
    return any(os.path.isfile(os.path.join(folder, last)) for folder in ([""] if "/" in last else _FOLDERS))


def _followed(pattern: Pattern) -> Pattern:
    stands = _stands(pattern)
    if stands != pattern.stands:
        pattern = replace(pattern, stands=stands)
    first = pattern.words[0]
    if not first.startswith("/"):
        return pattern
    try:
        there = os.stat(first)
    except OSError:
        return pattern if pattern.file is not None else replace(pattern, target=os.path.realpath(first))
    file = (there.st_dev, there.st_ino)
    if file == pattern.file:
        return pattern
    return replace(pattern, target=os.path.realpath(first), file=file)

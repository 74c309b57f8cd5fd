"""The patterns of a list, with what this host says of them at this moment: links followed, users looked up.

A link may be switched while the monitor runs (alternatives, a release behind `current`), so it is followed whenever
processes are looked at; a user may be made anew with another id, or get one at each start, and is looked up as often.
Where nothing stands any more, as in an upgrade, the last that stood there counts, and so does the last id of a user
whom nobody knows by now. Only what the folders of programs hold is not read again while they are as they were.
"""

import functools
import math
import os
import pwd
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from masakarimonitors.processmonitor.core.observation import Entry
from masakarimonitors.processmonitor.core.recognition.pattern import NOBODY_KNOWN, Pattern

_FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin")
# A folder may change twice within one tick of the clock that tells when, which may be another computer's: only one that
# has been left alone for so many seconds counts as told by that time.
_LEFT_ALONE = 60.0


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a folder held at `stamp`; None: it cannot be listed. `lasts`: as long as it has that stamp."""

    stamp: tuple[int, ...]
    names: Collection[str] | None
    lasts: bool


class Programs:
    """Whether a program of some name stands in the folders for those; it remembers what does not."""

    def __init__(
        self,
        folders: Sequence[str] = _FOLDERS,
        *,
        list_folder: Callable[[str], Collection[str]] = os.listdir,
        now: Callable[[], float] = lambda: -math.inf,
    ) -> None:
        """`now`: seconds since 1970; where nobody tells them, each folder is read each time."""
        self._folders = folders
        self._list_folder = list_folder
        self._now = now
        self._known: dict[str, _Listing] = {}

    def look(self) -> Callable[[str], bool]:
        """Whether a name stands there at this moment; a folder that has changed is read again. Blocks."""
        found = [(folder, self._listing(folder).names) for folder in self._folders]
        by_folder = [(folder, names) for folder, names in found if names is None or names]
        return lambda name: any(
            (names is None or name in names) and os.path.isfile(os.path.join(folder, name))
            for folder, names in by_folder
        )

    def _listing(self, folder: str) -> _Listing:
        try:
            seen = os.stat(folder)
        except OSError:
            return _Listing((), (), lasts=False)
        stamp = (seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns)
        for known in self._known.values():  # many are links to one of them
            if known.lasts and known.stamp == stamp:
                self._known[folder] = known
                return known
        lasts = self._now() - max(seen.st_mtime, seen.st_ctime) >= _LEFT_ALONE
        try:
            names: Collection[str] | None = frozenset(self._list_folder(folder))
        except OSError:
            names = None
        self._known[folder] = known = _Listing(stamp, names, lasts)
        return known


def as_written(entries: Iterable[Entry]) -> Iterable[Pattern]:
    """The patterns of these entries before anything was looked at."""
    return [Pattern.of(entry.process_name, user=NOBODY_KNOWN if entry.user else None) for entry in entries]


def follow_again(
    patterns: Sequence[Pattern],
    entries: Sequence[Entry],
    links_only: bool = False,
    *,
    programs: Programs | None = None,
) -> tuple[Pattern, ...]:
    """The same patterns as they are now; with `links_only`, only those that a link led to are looked at. Blocks.

    `programs` is handed in again by who calls again.
    """
    users = {entry.process_name: entry.user for entry in entries if entry.user}
    looked_at = [pattern for pattern in patterns if not (links_only and not pattern.linked)]
    stands = (programs or Programs()).look() if looked_at else bool
    ids = functools.cache(user_id)  # many are of one user
    now = {
        one.process_name: _as_it_is_now(one, users.get(one.process_name), stands, ids) for one in looked_at
    }
    return tuple(now.get(pattern.process_name, pattern) for pattern in patterns)


def _as_it_is_now(
    pattern: Pattern, user: str | None, stands: Callable[[str], bool], ids: Callable[[str], int | None]
) -> Pattern:
    try:
        followed = _followed(pattern, stands)
        found = None if user is None else ids(user)
        return followed if found in (None, followed.user) else replace(followed, user=found)
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


def _stands(pattern: Pattern, stands: Callable[[str], bool]) -> bool:
    """Whether the name that ends this entry's text is, in full, a program's of this host."""
    last = pattern.words[-1]
    if pattern.stands or (
        len(pattern.words) > 1 and last != pattern.script
    ):  # an argument may be a part of a word
        return pattern.stands
    return os.path.isfile(last) if "/" in last else stands(last)


def _followed(pattern: Pattern, stands: Callable[[str], bool]) -> Pattern:
    if _stands(pattern, stands) != pattern.stands:
        pattern = replace(pattern, stands=True)
    first = pattern.words[0]
    if pattern.bare:
        return pattern
    # A relative path leads to where the commands of the list, which are begun in this monitor's folder, would find it.
    try:
        there = os.stat(first)
    except OSError:
        return pattern if pattern.file is not None else replace(pattern, target=os.path.realpath(first))
    file = (there.st_dev, there.st_ino)
    if file == pattern.file:
        return pattern
    return replace(pattern, target=os.path.realpath(first), file=file)

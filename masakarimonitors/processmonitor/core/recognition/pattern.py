"""Pattern: one entry of the list, as processes are compared with it. Pure.

In: a process_name, and what this host says of it: where its links lead, its user's id, as whom it was seen. Out: the
file names by which its processes are found; whether one of those is the service is for `matching` to say.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from masakarimonitors.processmonitor.core.recognition.identity import (
    is_interpreter,
    runs_code,
    told_to_run,
)

OURS = re.compile(r"masakari-((?:process|instance|introspectiveinstance|host)monitor)\Z")
"""One of the four monitors, by the name of its program."""

ALL_OF_OURS = "masakari-monitors"
"""The program that runs several of them."""

# What starts another program, mostly in its own place: of a process it says nothing once that runs.
_LAUNCHERS = frozenset(
    {
        "env",
        "exec",
        "nice",
        "nohup",
        "setsid",
        "stdbuf",
        "ionice",
        "chrt",
        "taskset",
        "numactl",
        "prlimit",
        "timeout",
    }
    | {"sudo", "su", "runuser", "setpriv", "chroot", "unshare", "ip", "systemd-run", "start-stop-daemon"}
)

# Of these the first path is no program, or it starts another one, maybe in another unit than its own.
_ELSEWHERE = frozenset(
    {"chroot", "systemd-run", "systemctl", "flock", "nsenter", "tini", "dumb-init", "catatonit"}
    | {"docker", "podman", "machinectl"}
)

# What systemd calls a unit that somebody has it run once, or that a bus has begun for one caller.
_PASSING = re.compile(r"(?:run-[a-z]?[0-9a-f]+(?:-i[0-9]+)?|dbus-:.+)\.service\Z")

MOST = 32
"""So many users and units of one entry are kept; a service that shows ever new ones must not fill memory and disk."""

NOBODY_KNOWN = -1
"""The user id of a user whom this host does not know: no process is that user's."""


@dataclass(frozen=True, slots=True)
class AsSeen:
    """As whom an entry was seen running: as which users, and in which units of the init system ("": in none).

    Without any unit nothing is known: it was not seen, or by a release that did not look.
    """

    users: frozenset[int] = frozenset()
    units: frozenset[str] = frozenset()

    def then(self, now: "AsSeen") -> "AsSeen":
        """As these and those, which are seen now: a bounded number of either, and of these no unit whose name never
        comes again."""
        lasting = frozenset(unit for unit in self.units if not _PASSING.match(unit))
        users = [*sorted(now.users), *sorted(self.users - now.users)]
        units = [*sorted(now.units), *sorted(lasting - now.units)]
        return AsSeen(frozenset(users[:MOST]), frozenset(units[:MOST]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One entry as processes are compared with it.

    `words`: its process_name. `target`: where its first word leads, links followed; `file`: device and inode of what
    stands there (None: nothing, or no path). `user`: the user id that its processes must have, None for any.
    `stands`: a program of this very name stands, or has stood, on this host. `known`: as whom the service was seen.
    """

    process_name: str
    words: tuple[str, ...]
    target: str
    file: tuple[int, int] | None = None
    user: int | None = None
    stands: bool = False
    known: AsSeen = AsSeen()

    @classmethod
    def of(
        cls,
        process_name: str,
        target: str = "",
        *,
        file: tuple[int, int] | None = None,
        user: int | None = None,
    ) -> "Pattern":
        """The pattern of a process_name; `target` as seen at this moment."""
        words = tuple(process_name.split())
        return cls(process_name=process_name, words=words, target=target or words[0], file=file, user=user)

    @property
    def bare(self) -> bool:
        """A program's name without a folder: it may be run from any."""
        return "/" not in self.words[0]

    @property
    def relative(self) -> bool:
        """A path from a folder that the list does not tell."""
        return "/" in self.words[0] and not self.words[0].startswith("/")

    @property
    def runs(self) -> tuple[str, str, tuple[str, ...]]:
        """Where the first word is an interpreter: the script, or else the module, and the arguments of either."""
        return told_to_run(self.words)

    @property
    def launched(self) -> Sequence[str]:
        """Where its first word only starts another program, as `env` and `sh -c` do: what follows, without quotes."""
        if posixpath.basename(self.words[0]) in _LAUNCHERS or runs_code(self.words):
            return [word.strip("'\";") for word in self.words[1:]]
        return ()

    @property
    def handed_on(self) -> int:
        """Where in `launched` the arguments of a program begin that surely is what is started; its length for nowhere.

        Only a path says that of itself, and only where no shell reads several commands out of it.
        """
        several = any(mark in word for word in self.words for mark in ";&|")
        elsewhere = any(posixpath.basename(word) in _ELSEWHERE for word in self.words)
        if not (several or runs_code(self.words) or elsewhere):
            for at, (before, word) in enumerate(zip(self.words, self.launched, strict=False)):
                begun = not before.startswith("-") or before in ("--", "-c")
                starts = is_interpreter(word) or posixpath.basename(word) in _LAUNCHERS
                if word.startswith("/") and begun and not starts:
                    return at + 1
        return len(self.launched)

    @property
    def without_arguments(self) -> "Pattern":
        """Program, script or module alone; of what only starts another program, itself."""
        script, module, arguments = self.runs
        kept = len(self.words) - len(arguments) if script or module else 1
        return self if self.launched else replace(self, words=self.words[:kept])

    @property
    def linked(self) -> bool:
        """Whether a link leads to its program, or nothing stood there when it was looked at."""
        return self.target != self.words[0] or (not self.bare and self.file is None)

    @property
    def name(self) -> str:
        """The file name of its program."""
        return posixpath.basename(self.words[0])

    @property
    def script(self) -> str:
        """What names the service: the script or module, where the first word is an interpreter."""
        script, module, _arguments = self.runs
        return script or module or self.words[0]

    @property
    def keys(self) -> frozenset[str]:
        """The file names, in lower case, one of which each of its processes shows."""
        keys = {self.name, posixpath.basename(self.target), posixpath.basename(self.process_name.strip())}
        if is_interpreter(self.words[0]) and len(self.words) > 1:
            keys |= {posixpath.basename(word) for word in self.words[1:] if not word.startswith("-")}
            keys.add(posixpath.basename(self.script))
        keys |= {posixpath.basename(word) for word in self.launched if word}
        if OURS.match(posixpath.basename(self.script)):
            keys.add(ALL_OF_OURS)
        return frozenset(key.lower() for key in keys)

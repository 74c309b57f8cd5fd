"""What an application check is, which machines it is for, and what its answer means: pure.

A check is a command in the guest, started through the guest agent, with an expected exit code and,
optionally, a regular expression that its output must match.
"""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SHOWN = 120
"""Characters of a command's output that stand in the evidence."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which machines: every part that is given must fit, and of each part one pattern is enough.

    `names` are shell patterns for libvirt's name, `uuids` exact, `nova` shell patterns for what nova
    wrote into the machine's metadata (name, flavor, project, user).
    """

    names: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()
    nova: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def fits(self, name: str, uuid: str, nova: Mapping[str, str]) -> bool:
        """Whether this machine is meant."""
        if self.names and not _any(self.names, name):
            return False
        if self.uuids and uuid not in self.uuids:
            return False
        return all(_any(patterns, nova.get(key, "")) for key, patterns in self.nova)


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `interval` and `timeout` in seconds, `failures` in a row make a report."""

    name: str
    match: Match
    command: tuple[str, ...]
    exit_code: int = 0
    output: re.Pattern[str] | None = None
    interval: float = 30.0
    timeout: float = 10.0
    failures: int = 3

    def fault(self, exit_code: int | None, signal: int | None, output: str) -> str | None:
        """What is wrong with this end of the command, or None when the check has passed.

        `exit_code` is None when the command was ended by `signal`.
        """
        said = f"; it said {output.strip()[:_SHOWN]!r}" if output.strip() else ""
        if exit_code is None:
            return f"{self.command[0]} was ended by signal {signal}{said}"
        if exit_code != self.exit_code:
            return f"{self.command[0]} ended with exit code {exit_code}, not {self.exit_code}{said}"
        if self.output is not None and not self.output.search(output):
            return f"the output of {self.command[0]} does not match {self.output.pattern!r}{said}"
        return None


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)

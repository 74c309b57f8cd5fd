"""What an application check is, which guests it is for, and what its answer means: pure.

A check is a command in the guest, started through the guest agent, with an expected exit code and,
optionally, a regular expression that its output must match.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_SHOWN = 120
"""Characters of a command's output that stand in the evidence."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which guests: every part that is given must fit, and of each part one pattern is enough.

    `names` are shell patterns for libvirt's name, `uuids` exact, `nova` shell patterns for what nova
    wrote into the metadata of an instance's domain (name, flavor, project, user).
    """

    names: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()
    nova: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def fits(self, name: str, uuid: str, nova: Mapping[str, str]) -> bool:
        """Whether this guest is meant."""
        if self.names and not _any(self.names, name):
            return False
        if self.uuids and uuid not in self.uuids:
            return False
        return all(_any(patterns, nova.get(key, "")) for key, patterns in self.nova)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check; `interval` and `timeout` in seconds, `failures` in a row make a report.

    `output` is the regular expression that the output must match; whether it does is found out elsewhere, where a
    search can be bounded.
    """

    name: str
    match: Match
    command: tuple[str, ...]
    exit_code: int = 0
    output: str | None = None
    interval: float = 30.0
    timeout: float = 10.0
    failures: int = 3

    def fault(self, exit_code: int | None, signal: int | None, output: str) -> str | None:
        """What is wrong with this end of the command, or None when it was as expected; the output is not looked at.

        `exit_code` is None when the command was ended by `signal`.
        """
        if exit_code is None:
            return f"{self.command[0]} was ended by signal {signal}{_said(output)}"
        if exit_code != self.exit_code:
            return f"{self.command[0]} ended with exit code {exit_code}, not {self.exit_code}{_said(output)}"
        return None

    def mismatch(self, output: str) -> str:
        """What is wrong with an output that the expression was not found in."""
        return f"the output of {self.command[0]} does not match {self.output!r}{_said(output)}"


def begun_anew(before: Sequence[Check], after: Sequence[Check]) -> frozenset[str]:
    """The names of those of `before` that are gone, or ask something else by now.

    How often one is asked, after how many failures in a row it is told, and of whom it is asked, is no other question:
    who is not asked any more is told guest by guest. What has passed within a time passes within a longer one.
    """
    now = {check.name: check for check in after}
    return frozenset(
        check.name for check in before if check.name not in now or not _goes_on(check, now[check.name])
    )


def _goes_on(before: Check, after: Check) -> bool:
    return _question(before) == _question(after) and before.timeout <= after.timeout


def _question(check: Check) -> Check:
    return replace(check, match=Match(), interval=0.0, timeout=0.0, failures=1)


def meant_for(checks: Iterable[Check], name: str, uuid: str, nova: Mapping[str, str]) -> frozenset[str]:
    """The names of those of the checks that are for this guest."""
    return frozenset(check.name for check in checks if check.match.fits(name, uuid, nova))


def _said(output: str) -> str:
    return f"; it said {output.strip()[:_SHOWN]!r}" if output.strip() else ""


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)

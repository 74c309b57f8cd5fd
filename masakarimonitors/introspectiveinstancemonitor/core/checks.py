"""What an application check is, which guests it is for, and what its answer means: pure.

A check is a command in the guest, started through the guest agent, with an expected exit code and,
optionally, a regular expression that its output must match.
"""

import fnmatch
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

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
    asked, now = questions(before), questions(after)
    return frozenset(asked.keys() - now.keys()) | asked_otherwise(asked, now)


def questions(checks: Iterable[Check]) -> Mapping[str, str]:
    """What each asks, by name, in words that can be remembered and compared by `asked_otherwise`."""
    return MappingProxyType({check.name: _question(check) for check in checks})


def asked_otherwise(before: Mapping[str, str], now: Mapping[str, str]) -> frozenset[str]:
    """The names that stand in both, and under which something else is asked now."""
    return frozenset(name for name in before.keys() & now.keys() if not _goes_on(before[name], now[name]))


def given_more_time(before: Mapping[str, str], now: Mapping[str, str]) -> frozenset[str]:
    """The names that stand in both, and under which the same is asked now with a longer time-out.

    What has passed goes on; what has failed for want of time may pass now.
    """
    both = before.keys() & now.keys()
    return frozenset(n for n in both if before[n] != now[n] and _goes_on(before[n], now[n]))


def _question(check: Check) -> str:
    asked = json.dumps([check.command, check.exit_code, check.output])
    return f"{hashlib.sha256(asked.encode()).hexdigest()[:32]} {float(check.timeout)!r}"


def _goes_on(before: str, now: str) -> bool:
    asked, _, within = before.partition(" ")
    asks, _, allows = now.partition(" ")
    try:
        return asked == asks and float(within) <= float(allows)
    except ValueError:
        # It comes from the disk: what cannot be understood was never asked.
        return False


def meant_for(checks: Iterable[Check], name: str, uuid: str, nova: Mapping[str, str]) -> frozenset[str]:
    """The names of those of the checks that are for this guest."""
    return frozenset(check.name for check in checks if check.match.fits(name, uuid, nova))


def _said(output: str) -> str:
    return f"; it said {output.strip()[:_SHOWN]!r}" if output.strip() else ""


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)

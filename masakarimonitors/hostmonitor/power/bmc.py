"""One BMC in words: where it is, the password that opens it, and what it says.

A password comes from the configuration, a file or a program, and never shows itself: `repr` and `str`
say only the kind. Files that hold passwords must not be readable by everyone: such a file is refused,
because the password in it is no longer a secret.
"""

import datetime
import os
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.redact import place
from masakarimonitors.system.files.operators_file import LONGEST, Unreadable, read_aside
from masakarimonitors.system.processes.command import run

# A script that prints a password has this many seconds.
_SCRIPT_TIMEOUT = 10.0


class SecretFault(Exception):
    """A password cannot be had; the message names the place, never the password."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A password that stands in the configuration itself."""

    value: str = field(repr=False)

    async def reveal(self) -> str:
        """The password; raises SecretFault."""
        return _usable(self.value, "the password in the configuration")


@dataclass(frozen=True, slots=True)
class InFile:
    """A password that is a file's only line."""

    path: Path

    async def reveal(self) -> str:
        """The password; raises SecretFault, also when the file's file system does not answer in time."""
        try:
            return await read_aside(self.path, self.read)
        except Unreadable as fault:
            raise SecretFault(f"{self.path} {fault}") from fault

    def read(self) -> str:
        """The password; raises SecretFault."""
        return _usable(read_private(self.path).strip("\r\n"), str(self.path))


@dataclass(frozen=True, slots=True)
class FromScript:
    """A password that a program prints, as fence agents' `password_script` does."""

    path: Path

    async def reveal(self) -> str:
        """The password; raises SecretFault."""
        try:
            finished = await run([str(self.path)], timeout=_SCRIPT_TIMEOUT)
        except (OSError, ValueError) as fault:  # ValueError: a NUL in its path
            why = getattr(fault, "strerror", None) or fault
            raise SecretFault(f"the password script {self.path} cannot be run: {why}") from fault
        if not finished.ok:
            raise SecretFault(f"the password script {self.path} failed (exit code {finished.exit_code})")
        return _usable(finished.output.strip("\r\n"), f"what the password script {self.path} prints")


def _usable(password: str, where: str) -> str:
    """The password; neither a program's environment nor HTTP can carry every character."""
    if "\0" in password:
        raise SecretFault(f"{where} holds a NUL character, which no password can have: is it the right file?")
    return password


Secret = Literal | InFile | FromScript


def fault_of(secret: Secret) -> str:
    """What can be known to be wrong with a secret before it is needed, without running anything; empty if nothing."""
    match secret:
        case InFile():
            try:
                secret.read()
            except SecretFault as fault:
                return str(fault)
        case FromScript(path) if "\0" in str(path) or not os.access(path, os.X_OK):
            return f"the password script {str(path)!r} is not there or cannot be run by uid {os.geteuid()}"
    return ""


def read_private(path: Path) -> str:
    """The text of a file that others cannot read; raises SecretFault."""
    try:
        # What is no file (a pipe that nobody fills) would never come to its end.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IROTH | stat.S_IWOTH):
                raise SecretFault(
                    f"{path} holds a password and everyone may read or write it (mode {stat.S_IMODE(mode):04o}): "
                    f"refused. Change the password, then `chmod o-rwx {path}`."
                )
            if stat.S_ISFIFO(mode):
                raise SecretFault(f"{path} cannot be read: it is no ordinary file")
            text = file.read(LONGEST + 1)
            if len(text) > LONGEST:
                raise SecretFault(f"{path} is larger than {LONGEST >> 20} MiB, as no such file is")
            return text
    except OSError as fault:
        raise SecretFault(f"{path} cannot be read: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise SecretFault(f"{path} is not UTF-8 text") from fault
    except ValueError as fault:
        raise SecretFault(f"{str(path)!r} is no path ({fault})") from fault


class Speaks(StrEnum):
    """What a BMC speaks."""

    IPMI = "ipmi"
    REDFISH = "redfish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One BMC. `device` names where this was read: a stonith resource or a line of a file.

    `port` 0 is the protocol's own. `cipher` is an IPMI cipher suite or empty for the tool's choice.
    `system` is the Redfish system's path, or empty where the BMC has only one. `verify`: the BMC's TLS
    certificate is checked (a path: against that CA file). Of ipmitool's options, each empty for its default:
    `target` is the IPMB address of a blade behind this BMC (-t), `privilege` the level of the session (-L), `auth`
    the kind of authentication of IPMI 1.5 (-A), `kg` the key of the BMC itself as hexadecimal digits (-K).
    """

    device: str
    speaks: Speaks
    host: str
    user: str
    secret: Secret
    port: int = 0
    lanplus: bool = True
    cipher: str = ""
    system: str = ""
    tls: bool = True
    verify: bool | str = True
    target: str = ""
    privilege: str = ""
    auth: str = ""
    kg: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """Who is asked, for evidence: never with a login that stands in an URL."""
        return f"{self.device}: BMC {place(self.host)}"


REDFISH_ROOT = "/redfish/v1/"
"""Where every Redfish service begins (DSP0266)."""


class Lack(StrEnum):
    """Why a BMC has proven nothing. Only silence can mean that it has lost its power, together with its host."""

    SILENT = "silent"
    """No answer of any kind within the time-out, or no route to it from the last router or on our own network."""
    FAULT = "fault"
    """It could not be asked rightly: wrong password, a tool that is missing, a file that is refused, a name that is
    not known, a certificate that is not trusted, a port that is closed."""
    ODD = "odd"
    """It answered something else than on or off: PoweringOn, nonsense, half an answer, an unknown exit code."""


_SETTLED_AFTER = 600.0
"""Seconds after which a BMC has surely found out whether its host runs; restarting takes it one to five minutes."""

_LONGEST_UPTIME = 5 * 365 * 86400.0
_CLOCKS_ALIKE = 5.0
"""Seconds by which two words of a BMC about its time may differ: it counts whole ones, and answers when it can."""


@dataclass(frozen=True, slots=True)
class Uptime:
    """For how long a BMC runs, by its own two clocks (aware, or both naive): its present time, and its last restart."""

    now: datetime.datetime
    since: datetime.datetime

    @property
    def settled(self) -> bool:
        """Whether it knows what it says of its host. Decades come of a clock that was set after the restart."""
        return _SETTLED_AFTER <= (self.now - self.since).total_seconds() < _LONGEST_UPTIME

    def goes_on(self, later: "Uptime", elapsed: float) -> bool:
        """Whether what it says `elapsed` seconds later is what this was, and nothing else has happened to its clocks.

        One whose time has jumped, or that was restarted since, has said something untrue at one of both moments.
        """
        try:
            passed = (later.now - self.now).total_seconds()
            moved = (later.since - self.since).total_seconds()
        except TypeError:  # naive and aware
            return False
        return abs(passed - elapsed) <= _CLOCKS_ALIKE and abs(moved) <= _CLOCKS_ALIKE


@dataclass(frozen=True, slots=True)
class Reading:
    """What one BMC said at one look, and the evidence in a few words (no secrets)."""

    power: Power
    evidence: str
    lack: Lack | None = None
    """Why there is no proof; None when it said on or off."""
    uptime: Uptime | None = None
    """For how long the BMC runs, where it is asked and tells."""

    def __post_init__(self) -> None:
        """A word about power lacks nothing, and whatever proves nothing says why."""
        if (self.power is Power.NO_PROOF) != (self.lack is not None):
            raise ValueError(f"{self.power.value} does not go with {self.lack}")


class Bmc(Protocol):
    """Asks one BMC."""

    async def read(self, address: Address) -> Reading:
        """Ask once, within a time of its own; every fault is a NO_PROOF with its evidence."""

"""A password, and where it comes from; it never shows itself.

`repr` and `str` say only the kind. Files that hold passwords must not be readable by everyone: such
a file is refused, because the password in it is no longer a secret.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from masakarimonitors.system.command import run

# A script that prints a password has this many seconds.
_SCRIPT_TIMEOUT = 10.0


class SecretFault(Exception):
    """A password cannot be had; the message names the place, never the password."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A password that stands in the configuration itself."""

    value: str = field(repr=False)

    async def reveal(self) -> str:
        """The password."""
        return self.value


@dataclass(frozen=True, slots=True)
class InFile:
    """A password that is a file's only line."""

    path: Path

    async def reveal(self) -> str:
        """The password; raises SecretFault."""
        return read_private(self.path).strip("\r\n")


@dataclass(frozen=True, slots=True)
class FromScript:
    """A password that a program prints, as fence agents' `password_script` does."""

    path: Path

    async def reveal(self) -> str:
        """The password; raises SecretFault."""
        try:
            finished = await run([str(self.path)], timeout=_SCRIPT_TIMEOUT)
        except OSError as fault:
            raise SecretFault(f"the password script {self.path} cannot be run: {fault.strerror}") from fault
        if not finished.ok:
            raise SecretFault(f"the password script {self.path} failed (exit code {finished.exit_code})")
        return finished.output.strip("\r\n")


Secret = Literal | InFile | FromScript


def read_private(path: Path) -> str:
    """The text of a file that others cannot read; raises SecretFault."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IROTH | stat.S_IWOTH):
                raise SecretFault(
                    f"{path} holds a password and everyone may read or write it (mode {stat.S_IMODE(mode):04o}): "
                    f"refused. Change the password, then `chmod o-rwx {path}`."
                )
            return file.read()
    except OSError as fault:
        raise SecretFault(f"{path} cannot be read: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise SecretFault(f"{path} is not UTF-8 text") from fault

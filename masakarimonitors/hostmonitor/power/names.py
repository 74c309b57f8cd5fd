"""Names of BMCs, looked up on threads that may hang without holding up anybody else's.

The resolver of the C library can take half a minute for a name whose server is gone, and cannot be stopped. Its calls
have threads of their own here, so that the loop's few threads stay free; a look-up in vain keeps one until it ends.
"""

import contextlib
import encodings.idna  # noqa: F401 - names are asked for in this encoding, which Python imports for the first one only
import functools
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from masakarimonitors.system.threads import NoThread, Pool

_THREADS = 16
"""Look-ups at once. When all of them hang, names wait for one, within their own time-out; addresses never do."""


class NameFault(OSError):
    """A name could not be looked up; the message says why, in a clause."""


class Names:
    """What a BMC's name stands for."""

    def __init__(
        self, timeout: float, threads: int = _THREADS, *, look_up: Callable[..., Any] = socket.getaddrinfo
    ) -> None:
        """`timeout` in seconds for one look-up, its time in line included; `look_up` blocks."""
        self._timeout = timeout
        self._look_up = look_up
        self._pool = Pool("bmc-names", threads)

    async def addresses(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[str]:
        """The IP addresses of `host` (a name or an address), best first; raises NameFault."""
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host.strip("[]")))]
        work = functools.partial(self._look_up, host, port, family, socket.SOCK_STREAM)
        try:
            found = await self._pool.call(work, self._timeout)
        except TimeoutError:
            raise NameFault(f"its name could not be looked up within {self._timeout:.0f} s") from None
        except NoThread as shortage:
            raise NameFault(f"its name could not be looked up: {shortage}") from None
        except (OSError, UnicodeError, ValueError) as fault:
            why = getattr(fault, "strerror", None) or "it is no host name"
            raise NameFault(f"its name cannot be looked up ({why})") from None
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    def end(self) -> None:
        """Look up no more names."""
        self._pool.close()

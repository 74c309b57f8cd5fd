"""Redfish through sushy, imported when the first BMC is asked; its calls block, so they run on threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from masakarimonitors.hostmonitor.observation import Power
from masakarimonitors.hostmonitor.power.bmc import Address, Reading
from masakarimonitors.hostmonitor.power.secret import SecretFault

# Hosts that fail together are asked this many at a time.
_THREADS = 4


class Redfish:
    """Asks for the system's PowerState."""

    def __init__(self, timeout: float) -> None:
        """`timeout` in seconds for each HTTP request."""
        self._timeout = timeout
        self._pool: ThreadPoolExecutor | None = None

    async def read(self, address: Address) -> Reading:
        """Ask once; every fault is a NO_PROOF with its evidence."""
        try:
            password = await address.secret.reveal()
        except SecretFault as fault:
            return Reading(Power.NO_PROOF, f"{address.device}: {fault}")
        self._pool = self._pool or ThreadPoolExecutor(_THREADS, "redfish")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, address, password)

    def close(self) -> None:
        """Take no more questions."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, address: Address, password: str) -> Reading:
        where = f"{address.device}: BMC {address.host}"
        try:
            import requests
            import sushy
            from sushy import auth, exceptions
        except ImportError:
            return Reading(
                Power.NO_PROOF,
                f"{where} speaks Redfish and the Python package sushy is not installed: install it",
            )
        try:
            connection = sushy.Sushy(
                base_url(address),
                # Basic, so that no session is opened whose token would have to be looked after.
                auth=auth.BasicAuth(address.user, password),
                verify=address.verify,
                server_side_retries=0,
                read_timeout=self._timeout,
                connect_timeout=self._timeout,
            )
            if address.system:
                system = connection.get_system(address.system)
            else:
                members = connection.get_system_collection().get_members()
                if len(members) != 1:
                    return Reading(
                        Power.NO_PROOF, f"{where} has {len(members)} systems: name one (systems_uri)"
                    )
                system = members[0]
            state = str(getattr(system.power_state, "value", system.power_state))
        except (exceptions.SushyError, requests.RequestException, ValueError) as fault:
            words = " ".join(str(fault).split())[:200]
            return Reading(Power.NO_PROOF, f"{where}: {type(fault).__name__}: {_without(words, password)}")
        # PoweringOn, PoweringOff and Paused are neither.
        power = {"On": Power.ON, "Off": Power.OFF}.get(state, Power.NO_PROOF)
        return Reading(power, f"{where} says PowerState {state}")


def base_url(address: Address) -> str:
    """The service root's server: what the address says, with scheme and port where it leaves them out."""
    if "://" in address.host:
        parts = urlsplit(address.host)
        return f"{parts.scheme}://{parts.netloc}"
    host = f"[{address.host}]" if ":" in address.host and not address.host.startswith("[") else address.host
    port = f":{address.port}" if address.port else ""
    return f"{'https' if address.tls else 'http'}://{host}{port}"


def _without(words: str, password: str) -> str:
    return words.replace(password, "***") if password else words

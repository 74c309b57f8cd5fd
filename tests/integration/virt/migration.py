"""Live migrations between two realms: begun, slowed down, aborted, switched to post-copy, waited for.

QEMU speaks to QEMU over a unix socket in the target's folder, for each realm has a network of its own.
"""

import re
import threading
from concurrent.futures import Future
from typing import Any

from tests.fixtures.waiting import until
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm

_AS_NOVA_DOES = (
    libvirt.VIR_MIGRATE_LIVE
    | libvirt.VIR_MIGRATE_PEER2PEER
    | libvirt.VIR_MIGRATE_PERSIST_DEST
    | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
)


class Migration:
    """One migration of `name` from `source` to `target`, under way in a thread of its own.

    `bandwidth` in MiB/s, 0 for as fast as it goes.
    """

    def __init__(self, source: Realm, target: Realm, name: str, bandwidth: int = 0, flags: int = 0) -> None:
        self.name, self.source, self.target = name, source, target
        self._done: Future[None] = Future()
        self._parameters: dict[str, Any] = {"migrate_uri": f"unix://{target.layout}/{name}.sock"}
        if bandwidth:
            self._parameters["bandwidth"] = bandwidth
        # Only where it says "unix" does libvirt take a URI without a host for that of another libvirtd.
        self._uri = f"qemu+unix:///system?socket={target.socket}"
        self._flags = _AS_NOVA_DOES | flags
        threading.Thread(target=self._run, name=f"migrate-{name}", daemon=True).start()

    def _run(self) -> None:
        try:
            connection = self.source.connect()
            try:
                domain = connection.lookupByName(self.name)
                domain.migrateToURI3(self._uri, self._parameters, self._flags)
            finally:
                connection.close()
        except libvirt.libvirtError as error:
            self._done.set_exception(error)
        else:
            self._done.set_result(None)

    def begun(self) -> "Migration":
        """Returns when memory is on its way and the target holds an instance that does not run."""

        def there() -> bool:
            self.still_under_way()
            try:
                state = self.target.client.lookupByName(self.name).state()[0]
                return state == libvirt.VIR_DOMAIN_PAUSED and self._moved() > 0
            except libvirt.libvirtError:
                return False

        until(there, f"the migration of {self.name} to be under way")
        return self

    def _moved(self) -> int:
        return int(self.source.client.lookupByName(self.name).jobStats().get("memory_processed", 0))

    def speed_up(self) -> None:
        """From now on as fast as it goes."""
        self.source.client.lookupByName(self.name).migrateSetMaxSpeed(1000)

    @property
    def phase(self) -> str:
        """How far the source is, as libvirtd keeps it for its own next start; empty without a job."""
        kept = (self.source.layout / f"run/libvirt/qemu/{self.name}.xml").read_text()
        found = re.search(r"<job [^>]*phase='(\w+)'", kept)
        return found[1] if found else ""

    def still_under_way(self) -> None:
        """Raises what has ended it."""
        if self._done.done():
            self._done.result()
            raise AssertionError(f"the migration of {self.name} is over already")

    def abort(self) -> None:
        """As `nova live-migration-abort` does; returns when it is over."""
        self.source.connect().lookupByName(self.name).abortJob()
        assert self._done.exception(60) is not None, "it was completed before it was aborted"

    def post_copy(self, bandwidth: int = 0) -> None:
        """Lets the guest go on at its target before all of its memory is there; `bandwidth` of the rest, as above."""
        domain = self.source.client.lookupByName(self.name)
        if bandwidth:
            domain.migrateSetMaxSpeed(bandwidth, libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY)
        domain.migrateStartPostCopy()

    def abort_post_copy(self) -> None:
        """Cuts it off after that: its memory is divided between both, and it can only be gone on with."""
        self.source.connect().lookupByName(self.name).abortJobFlags(libvirt.VIR_DOMAIN_ABORT_JOB_POSTCOPY)
        assert self._done.exception(60) is not None, "it was completed before it was aborted"

    def completed(self) -> None:
        """Returns when it has succeeded; raises libvirtError when it has not."""
        self._done.result(60)

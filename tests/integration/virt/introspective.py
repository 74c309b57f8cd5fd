"""The introspective monitor at work against a realm, in a thread or as a process of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import until
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import Watch, sections_for, watching

NAME = "introspectiveinstancemonitor"
REPORT = "QEMU_GUEST_AGENT_ERROR/STOPPED_FAILED"

FAST = {
    "guest_monitoring_interval": 3,
    "guest_monitoring_timeout": 2,
    "guest_monitoring_failure_threshold": 1,
    # More than half of the guests here are silent at the same time, each for a reason of its own.
    "storm_threshold": 0,
}
"""A hang is reported after about 20 seconds, at the third miss: libvirt keeps each unanswered call for 5."""


@contextmanager
def pinging(realm: Realm, folder: Path, **options: Any) -> Iterator[Watch]:
    """The monitor runs in this process while the block does; `options` go into its own section."""
    with watching(realm, folder, NAME, realm.uri, {NAME: options}) as watch:
        yield watch


def monitor_for(
    realm: Realm,
    folder: Path,
    endpoint: str,
    uri: str | None = None,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> MonitorProcess:
    """The monitor as a process that watches `realm` and reports to `endpoint`; not yet started."""
    sections = {
        "DEFAULT": {"hostname": "compute-1", "debug": "true"},
        NAME: options,
        "api": {"auth_type": "none", "endpoint": endpoint},
        # Reports are timed where they are accepted: they must not wait for each other's recovery.
        "callback": {"max_unfinished": 0},
    }
    return MonitorProcess(NAME, folder, sections_for(realm, uri or realm.uri, sections), env=env)


@contextmanager
def process(realm: Realm, folder: Path, api: FakeMasakari, **options: Any) -> Iterator[MonitorProcess]:
    """The monitor runs as a process of its own while the block does."""
    with monitor_for(realm, folder, api.endpoint(), **options) as running:
        until(lambda: running.states() or not running.running, "the monitor to start")
        yield running

"""A masakari that recovers: its real API and engine, beside a keystone that runs, before a nova that is played.

The engine's waits are made short by its own options: it sleeps three minutes by default before it
evacuates, and asks nothing meanwhile. It has a few threads only, so that not many reports need to stand
in each other's way before it shows.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session

from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.system.network.exchange import bound
from tests.fixtures.waiting import until
from tests.integration.cloud.engine.nova import PlayedNova
from tests.integration.cloud.rig import SERVICE_PASSWORD, Cloud
from tests.integration.cloud.way import PATIENCE

_OPTIONS = """
[DEFAULT]
host = recovery
os_privileged_user_name = masakari
os_privileged_user_password = {password}
os_privileged_user_tenant = service
os_privileged_user_auth_url = {auth_url}
os_user_domain_name = Default
os_project_domain_name = Default
nova_catalog_admin_info = compute:compute:publicURL
"""
SHORT = """
wait_period_after_service_update = 0
wait_period_after_power_off = 5
executor_thread_pool_size = 8
verify_interval = 1
periodic_fuzzy_delay = 0
"""
"""The engine's waits, as the tests have them."""
# masakari's own times are whole seconds: whoever counts must be there when a notification comes.
_COUNTED = (
    "CREATE TABLE standing (host TEXT, count INTEGER)",
    "CREATE TRIGGER counted AFTER INSERT ON notifications WHEN NEW.type = 'VM' BEGIN INSERT INTO standing"
    " SELECT NEW.source_host_uuid, count(*) FROM notifications WHERE source_host_uuid = NEW.source_host_uuid"
    " AND type = 'VM' AND status IN ('new', 'running', 'error'); END",
)


@dataclass(frozen=True)
class Recovery:
    """masakari with its engine, and the nova that it asks."""

    cloud: Cloud
    nova: PlayedNova
    session: Session

    def add(self, host: str, instances: int = 1) -> None:
        """Register a host that runs so many instances. Each test has its own: what was done to one stays done."""
        self.cloud.register(host)
        self.nova.add(host, instances)

    def client(self, endpoint: str | None = None) -> MasakariApi:
        """As `[api]` builds it; `endpoint` stands in front of this masakari."""
        where = endpoint or self.cloud.endpoint
        adapter = Adapter(bound(self.session), service_type="instance-ha", endpoint_override=where)
        return MasakariApi(adapter, timeout=PATIENCE)

    def statuses(self, host: str) -> list[str]:
        """What the engine says of each notification of a host, oldest first."""
        rows = self.cloud.sql(
            "SELECT status FROM notifications WHERE source_host_uuid ="
            " (SELECT uuid FROM hosts WHERE name = ?) ORDER BY id",
            (host,),
        )
        return [str(status) for (status,) in rows]

    def most_at_once(self, host: str) -> int:
        """How many reports about a host's instances stood here unfinished at the same time, at most."""
        ((most,),) = self.cloud.sql(
            "SELECT max(count) FROM standing WHERE host = (SELECT uuid FROM hosts WHERE name = ?)", (host,)
        )
        return int(most or 0)

    def until_ended(self, host: str, *statuses: str) -> None:
        """Wait until the engine has ended with a host's notifications as `statuses` say."""
        until(lambda: self.statuses(host) == list(statuses), lambda: f"{statuses}, {self.statuses(host)}")

    def is_on_maintenance(self, host: str) -> bool:
        """Whether masakari takes no report of the host."""
        ((resting,),) = self.cloud.sql("SELECT on_maintenance FROM hosts WHERE name = ?", (host,))
        return bool(resting)

    def end_maintenance(self, host: str) -> None:
        """As the operator does: by masakari-api, which refuses it while a notification is worked on."""
        ((uuid, segment),) = self.cloud.sql(
            "SELECT uuid, failover_segment_id FROM hosts WHERE name = ?", (host,)
        )

        def ended() -> bool:
            answer: Any = self.session.put(
                f"{self.cloud.endpoint}/segments/{segment}/hosts/{uuid}",
                json={"host": {"on_maintenance": False}},
                raise_exc=False,
            )
            assert answer.status_code in (200, 409), answer.text
            return bool(answer.status_code == 200)

        until(ended, f"the end of the maintenance of {host}", every=0.2)


@contextlib.contextmanager
def recovery(
    beside: Cloud, place: Path, home: Path, *, waits: str = SHORT, takes: float = 0.0
) -> Iterator[Recovery]:
    """masakari with an engine and a database of its own.

    `waits`: the engine's options of that kind; `takes`: seconds in which nova stops or starts an instance.
    """
    home.mkdir()
    for database in ("masakari.db", "taskflow.db"):
        _copy_database(beside.home / database, home / database)
    cloud = Cloud(place, home)
    cloud.forget_notifications()
    for statement in _COUNTED:
        cloud.sql(statement)
    cloud.more_options = _OPTIONS.format(password=SERVICE_PASSWORD, auth_url=beside.auth_url) + waits
    with PlayedNova(takes=takes) as nova:
        try:
            cloud.start_recovery(beside, nova.url)
            yield Recovery(cloud, nova, beside.session())
        finally:
            cloud.stop()


def _copy_database(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source, timeout=60)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)

"""A real keystone and a real masakari-api on loopback, each one process, with SQLite behind them.

`Cloud` starts the services on databases that `template` has prepared. There is no nova and no engine: masakari-api
takes notifications without either (`recovery` adds both). Hosts are therefore written to masakari's database directly,
because its API would ask nova whether they exist.
"""

import contextlib
import datetime
import hashlib
import http.client
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from tests.fixtures.cache import cache
from tests.fixtures.lifeline import end, spawn

HERE = Path(__file__).parent
PINS = HERE / "constraints.lock"

ADMIN_PASSWORD = "admin-password"
SERVICE_PASSWORD = "service-password"

HOSTS = ("compute-1", "compute-2", "compute-3", "maintenance-1", "duplicate-1")
"""Registered; the last two have names that must not be taken for an answer's meaning."""
RESTING = "resting"
"""Registered and on maintenance."""

SEGMENT = "segment-1"
"""The failover segment of them all."""

_STARTUP = 120.0
"""Seconds within which a service must answer; generous for a loaded host."""


class RigFault(Exception):
    """The services could not be started; the message holds the end of the log."""


def services() -> Path | None:
    """The environment that tools/setup-cloud.sh makes, if it is there; whose Python it has does not matter."""
    pins = hashlib.sha256(PINS.read_bytes()).hexdigest()[:16]
    ready = sorted(cache("cloud").glob(f"services-*-{pins}/ready"))
    return ready[0].parent if ready else None


class Cloud:
    """Running services; `home` holds their databases, configuration and logs."""

    def __init__(self, place: Path, home: Path) -> None:
        """Nothing runs before `start`."""
        self._python = place / "bin/python"
        self._place = place
        self.home = home
        self._keystone_port = 0
        self._masakari_port = 0
        self.more_options = ""
        """What masakari's configuration says besides, as text of such a file."""
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def auth_url(self) -> str:
        """Where tokens come from."""
        return f"http://127.0.0.1:{self._keystone_port}/v3"

    @property
    def endpoint(self) -> str:
        """masakari-api, without the project that the catalogue adds."""
        return f"http://127.0.0.1:{self._masakari_port}/v1"

    @property
    def has_keystone(self) -> bool:
        """Whether keystone runs."""
        return "keystone" in self._running

    def start_keystone(self) -> None:
        """Start it on a free port, and write the catalogue that matches."""
        self._keystone_port = self._start("keystone", self._keystone_port, "/v3", self.configure_keystone)

    def start_masakari(self) -> None:
        """Start it: the first time on a free port, later on the same one again."""
        self._masakari_port = self._start(
            "masakari", self._masakari_port, "/healthcheck", self.configure_masakari
        )
        self._write_catalogue({"identity": self.auth_url, "instance-ha": f"{self.endpoint}/%(project_id)s"})

    def start_recovery(self, keystone: "Cloud", nova: str) -> None:
        """Start masakari-api with its engine, which ask the keystone of another rig, and nova at a URL."""
        self._keystone_port = keystone._keystone_port
        keystone._write_catalogue({"compute": nova})
        self._masakari_port = self._start("recovery", 0, "/healthcheck", self.configure_masakari)

    def kill_masakari(self) -> None:
        """SIGKILL: its clients see their connections break; what it knew of tokens is forgotten."""
        self._kill("masakari")

    def kill_keystone(self) -> None:
        """SIGKILL: nobody gets a token, and masakari-api can check none that it has not seen."""
        self._kill("keystone")

    def _kill(self, what: str) -> None:
        process = self._running.pop(what)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End both services."""
        for process in self._running.values():
            end(process)
        self._running.clear()

    def session(
        self, user: str = "masakari", password: str = SERVICE_PASSWORD, project: str = "service"
    ) -> Session:
        """A keystone session of one of the users; `masakari` may post, `plain` may not."""
        auth = v3.Password(
            self.auth_url,
            username=user,
            password=password,
            project_name=project,
            user_domain_name="Default",
            project_domain_name="Default",
        )
        return Session(auth=auth, timeout=60)

    def admin(self) -> Session:
        """The cloud's administrator."""
        return self.session("admin", ADMIN_PASSWORD, "admin")

    def set_maintenance(self, host: str, on: bool) -> None:
        """Flag a host, as the engine does after it has recovered one."""
        self.sql("UPDATE hosts SET on_maintenance = ? WHERE name = ?", (on, host))

    def add_segment(self, name: str, *, enabled: bool = True) -> None:
        """Add a failover segment without hosts."""
        self.sql(
            "INSERT INTO failover_segments (created_at, deleted, uuid, name, service_type, enabled, recovery_method)"
            " VALUES (?, 0, ?, ?, 'COMPUTE', ?, 'auto')",
            (stamp(), str(uuid.uuid4()), name, enabled),
        )

    def remove_segment(self, name: str) -> None:
        """Take a failover segment away, with its hosts."""
        self.sql(
            "DELETE FROM hosts WHERE failover_segment_id IN (SELECT uuid FROM failover_segments WHERE name = ?)",
            (name,),
        )
        self.sql("DELETE FROM failover_segments WHERE name = ?", (name,))

    def register(self, host: str, *, on_maintenance: bool = False, segment: str = SEGMENT) -> None:
        """Add a host to a failover segment."""
        ((segment,),) = self.sql("SELECT uuid FROM failover_segments WHERE name = ?", (segment,))
        self.sql(
            "INSERT INTO hosts (created_at, deleted, uuid, name, reserved, type, control_attributes,"
            " on_maintenance, failover_segment_id) VALUES (?, 0, ?, ?, 0, 'COMPUTE', 'SSH', ?, ?)",
            (stamp(), str(uuid.uuid4()), host, on_maintenance, segment),
        )

    def forget_notifications(self) -> None:
        """Make masakari forget what it has accepted."""
        self.sql("DELETE FROM notifications")

    def sql(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Run one statement in masakari's database."""
        with contextlib.closing(sqlite3.connect(self.home / "masakari.db", timeout=60)) as db, db:
            return db.execute(statement, values).fetchall()

    def _write_catalogue(self, urls: Mapping[str, str]) -> None:
        """The ports are known only now, so the catalogue's addresses are written to keystone's database."""
        with contextlib.closing(sqlite3.connect(self.home / "keystone.db", timeout=60)) as db, db:
            for kind, url in urls.items():
                db.execute(
                    "UPDATE endpoint SET url = ? WHERE service_id IN (SELECT id FROM service WHERE type = ?)",
                    (url, kind),
                )

    def _start(self, what: str, port: int, path: str, configure: Callable[[], None]) -> int:
        for _ in range(10):
            chosen = port or _free_port()
            configure()
            log = self.home / f"{what}.log"
            argv: list[str | Path] = [self._python, HERE / "serve.py", what, str(chosen), self.home]
            process = spawn(argv, ahead=True, log=log, cwd=self.home, env=_environment())
            if self._answers(process, chosen, path):
                self._running[what] = process
                return chosen
            end(process)
            if "Address already in use" not in _tail(log):
                break
            time.sleep(0.2)  # somebody else has the port just now
        raise RigFault(f"{what} did not start; the end of {log}:\n{_tail(log)}")

    def _answers(self, process: subprocess.Popen[bytes], port: int, path: str) -> bool:
        deadline = time.monotonic() + _STARTUP
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30).close()
                # Somebody else's server could sit on the port: ours must still be alive to be the one that answered.
                return process.poll() is None
            time.sleep(0.05)
        return False

    def manage(self, *argv: str) -> None:
        """Run one of the services' own management commands."""
        done = subprocess.run(
            [self._place / "bin" / argv[0], *argv[1:]],
            cwd=self.home,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=300,
        )
        if done.returncode:
            raise RigFault(f"{' '.join(argv)} failed:\n{done.stdout.decode()}{done.stderr.decode()}"[-4000:])

    def configure_keystone(self) -> None:
        """Write its configuration; its port stands in none of it."""
        (self.home / "keystone.conf").write_text(
            f"""[DEFAULT]
log_file = {self.home}/keystone.log
[database]
connection = sqlite:///{self.home}/keystone.db
[fernet_tokens]
key_repository = {self.home}/fernet
[fernet_receipts]
# keystone makes and reads this one too; its default is a folder of the host in /etc.
key_repository = {self.home}/fernet
[credential]
key_repository = {self.home}/credential
[cache]
enabled = false
[identity]
# The least that keystone takes: the tests log in often.
password_hash_rounds = 4
"""
        )

    def configure_masakari(self) -> None:
        """Write its configuration, which names keystone's port."""
        shutil.copy(self._place / "etc/masakari/api-paste.ini", self.home)
        (self.home / "masakari.conf").write_text(
            f"""[DEFAULT]
log_file = {self.home}/masakari.log
auth_strategy = keystone
transport_url = fake:/
# By default each POST sleeps for up to 5 s.
notification_delay_max = 0
[wsgi]
api_paste_config = {self.home}/api-paste.ini
[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:{self._keystone_port}
auth_url = http://127.0.0.1:{self._keystone_port}
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = masakari
password = {SERVICE_PASSWORD}
service_type = instance-ha
[database]
connection = sqlite:///{self.home}/masakari.db
[taskflow]
connection = sqlite:///{self.home}/taskflow.db
[oslo_messaging_notifications]
driver = noop
[oslo_concurrency]
lock_path = {self.home}/lock
{self.more_options}"""
        )


def stamp() -> str:
    """This moment as masakari writes it: lists are ordered by this text, so it must be as long as the others."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")  # noqa: TID251


def _free_port() -> int:
    """A free port below the ephemeral range, so that no outgoing connection can take it while a service restarts."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"PYTHONWARNINGS": "ignore", "PYTHONUNBUFFERED": "1"}


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:] if log.exists() else "(no log)"

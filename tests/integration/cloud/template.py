"""Databases for the rig: schemas, keys, users, catalogue, a failover segment with hosts.

Made once, with the services' own commands and API, and kept in the cache; each rig starts on a copy.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fixtures.cache import cache
from tests.integration.cloud.rig import (
    ADMIN_PASSWORD,
    HERE,
    HOSTS,
    PINS,
    RESTING,
    SEGMENT,
    SERVICE_PASSWORD,
    Cloud,
)


@contextlib.contextmanager
def cloud(place: Path, home: Path) -> Iterator[Cloud]:
    """Both services, on a fresh copy of the template, while the block runs."""
    _copy_template(place, home)
    running = Cloud(place, home)
    try:
        running.start_keystone()
        running.start_masakari()
        yield running
    finally:
        running.stop()


def _copy_template(place: Path, home: Path) -> None:
    """Prepared databases; made once and kept in the cache under the hash of what they depend on."""
    folder = cache("cloud")
    sources = b"".join(
        path.read_bytes() for path in (PINS, Path(__file__), HERE / "rig.py", HERE / "serve.py")
    )
    template = folder / f"template-{hashlib.sha256(sources).hexdigest()[:16]}"
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            for stale in folder.glob("template-*"):
                shutil.rmtree(stale, ignore_errors=True)
            draft = folder / f"draft-{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            _prepare(Cloud(place, draft))
            for log in draft.glob("*.log"):
                log.unlink()
            draft.rename(template)
        # Under the lock: a run of another version may make room for its own.
        shutil.copytree(template, home, dirs_exist_ok=True)


def _prepare(cloud: Cloud) -> None:
    """Schemas, keys, users, catalogue, segment and hosts."""
    cloud.configure_keystone()
    cloud.configure_masakari()
    keystone = ("keystone-manage", "--config-file", str(cloud.home / "keystone.conf"))
    owner = ("--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid()))
    cloud.manage(*keystone, "db_sync")
    cloud.manage(*keystone, "fernet_setup", *owner)
    cloud.manage(*keystone, "credential_setup", *owner)
    anywhere = "http://127.0.0.1/v3"
    urls = [x for kind in ("admin", "public", "internal") for x in (f"--bootstrap-{kind}-url", anywhere)]
    cloud.manage(
        *keystone,
        "bootstrap",
        "--bootstrap-password",
        ADMIN_PASSWORD,
        "--bootstrap-region-id",
        "RegionOne",
        *urls,
    )
    cloud.manage("masakari-manage", "--config-file", str(cloud.home / "masakari.conf"), "db", "sync")
    cloud.add_segment(SEGMENT)
    for host in HOSTS:
        cloud.register(host)
    cloud.register(RESTING, on_maintenance=True)
    try:
        cloud.start_keystone()
        _prepare_users(cloud)
    finally:
        cloud.stop()


def _prepare_users(cloud: Cloud) -> None:
    admin = cloud.admin()

    def call(method: str, path: str, kind: str, **fields: object) -> Any:
        answer = admin.request(f"{cloud.auth_url}/{path}", method, json={kind: fields} if fields else None)
        return answer.json()[kind] if answer.content else None

    project = call("POST", "projects", "project", name="service", domain_id="default")["id"]
    roles = {role["name"]: role["id"] for role in call("GET", "roles", "roles")}
    for name, granted in (("masakari", ("admin", "service")), ("plain", ("member",))):
        user = call("POST", "users", "user", name=name, password=SERVICE_PASSWORD, domain_id="default")["id"]
        for role in granted:
            call("PUT", f"projects/{project}/users/{user}/roles/{roles[role]}", "role")
    anywhere = {"instance-ha": "http://127.0.0.1/v1/%(project_id)s", "compute": "http://127.0.0.1/v2.1"}
    for kind, url in anywhere.items():
        service = call("POST", "services", "service", type=kind, name=kind)["id"]
        for interface in ("public", "internal", "admin"):
            call(
                "POST",
                "endpoints",
                "endpoint",
                service_id=service,
                interface=interface,
                region_id="RegionOne",
                url=url,
            )

"""A nova that a test plays, by nova's own rules where masakari's engine meets them; it keeps what was asked of it.

In: the engine's requests. Out: answers, and in `acts` whatever was to change something, in order. A
nova-compute service is up until `kill`; a host that is up cannot be evacuated (400), nor an instance with
a task in hand (409). An evacuation is over at once. An instance is stopped and started where its nova-compute
is up, at once or after a time, and never where it is not.
"""

import http.server
import json
import re
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.fixtures.waiting import until

TARGET = "spare"
"""Where evacuated instances go."""

_POWER = {"os-stop": "stopped", "os-start": "active"}

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Act:
    """Something that was to change something, and what it was answered with."""

    what: str
    """disable, enable, evacuate, lock, unlock, os-stop, os-start, or another action by its name in nova's API."""
    whose: str
    """The host, or the host of the instance."""
    status: int
    instance: str = ""
    """Its uuid, where it was an instance."""
    at: float = field(default_factory=time.monotonic, compare=False)
    """When (time.monotonic)."""


@dataclass(frozen=True)
class Instance:
    """What nova knows of an instance; its `task` is something like "rebuilding"."""

    uuid: str
    host: str
    task: str | None = None
    locked: bool = False
    vm_state: str = "active"


@dataclass
class Service:
    """The nova-compute of a host."""

    up: bool = True
    enabled: bool = True
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


class PlayedNova:
    """Listens on 127.0.0.1 while the block runs; knows the hosts that were added."""

    def __init__(self, *, takes: float = 0.0) -> None:
        """There is no host yet. `takes`: seconds from the wish that an instance stop or start until it has."""
        self._takes = takes
        self._on_its_way: dict[str, tuple[float, str]] = {}
        self.acts: list[Act] = []
        self._lock = threading.RLock()
        self._services: dict[str, Service] = {}
        self._instances: dict[str, Instance] = {}
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, host: str, instances: int) -> None:
        """A host that is up, with so many active instances that are to be kept available (HA_Enabled)."""
        made = [Instance(str(uuid.uuid4()), host) for _ in range(instances)]
        with self._lock:
            self._services[host] = Service()
            self._instances |= {one.uuid: one for one in made}

    @property
    def url(self) -> str:
        """What the catalogue says of it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v2.1"

    def __enter__(self) -> Self:
        """Itself, listening."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()

    def instances(self, host: str) -> list[str]:
        """The uuids of what runs on a host, in the order in which it was added."""
        with self._lock:
            return [one.uuid for one in self._instances.values() if one.host == host]

    def kill(self, host: str) -> None:
        """The host is dead, and nova has noticed."""
        self._services[host].up = False

    def of(self, host: str) -> list[tuple[str, int]]:
        """What was done to a host and to what ran there: (what, status), in order."""
        return [(act.what, act.status) for act in self.acts if act.whose == host]

    def until_evacuated(self, host: str, count: int) -> None:
        """Wait until so many of the host's instances were evacuated; one more, or a refusal, fails at once."""

        def all_gone() -> bool:
            seen = [status for what, status in self.of(host) if what == "evacuate"]
            assert seen.count(200) == len(seen) <= count, self.acts
            return len(seen) == count

        until(all_gone, lambda: f"{count} evacuations from {host}; seen: {self.of(host)}")

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """One request."""
        url = urlsplit(path)
        with self._lock:
            if found := re.search(r"/os-services(?:/([\w-]+))?$", url.path):
                if method == "PUT":
                    return self._switch(str(found[1]), body)
                return self._list_services(parse_qs(url.query).get("host", [""])[0])
            if found := re.search(r"/servers/([\w-]+)(/action)?$", url.path):
                return self._server_asked(found[1], parse_qs(url.query), body)
        return 200, {"version": self._version(), "versions": [self._version()]}

    def _server_asked(self, which: str, query: dict[str, list[str]], body: dict[str, Any]) -> Answer:
        if which == "detail":
            host = query.get("host", [""])[0]
            return 200, {"servers": [_shown(one) for one in self._instances.values() if one.host == host]}
        instance = self._arrived(which)
        if instance is None:
            return 404, {"itemNotFound": {"code": 404, "message": f"Instance {which} could not be found."}}
        return self._act(instance, body) if body else (200, {"server": _shown(instance)})

    def _arrived(self, which: str) -> Instance | None:
        """The instance as it is by now."""
        at, state = self._on_its_way.get(which, (0.0, ""))
        if state and time.monotonic() >= at:
            del self._on_its_way[which]
            self._instances[which] = replace(self._instances[which], vm_state=state)
        return self._instances.get(which)

    def _list_services(self, host: str) -> Answer:
        return 200, {"services": [self._service(name) for name in self._services if host in ("", name)]}

    def _service(self, host: str) -> dict[str, Any]:
        service = self._services[host]
        return {
            "id": service.uuid,
            "binary": "nova-compute",
            "host": host,
            "zone": "nova",
            "status": "enabled" if service.enabled else "disabled",
            "state": "up" if service.up else "down",
            "updated_at": "2026-01-01T00:00:00.0",
            "disabled_reason": None,
            "forced_down": False,
        }

    def _switch(self, which: str, body: dict[str, Any]) -> Answer:
        (host,) = [name for name, service in self._services.items() if service.uuid == which]
        self._services[host].enabled = body["status"] == "enabled"
        self.acts.append(Act(body["status"].removesuffix("d"), host, 200))
        return 200, {"service": self._service(host)}

    def _act(self, instance: Instance, body: dict[str, Any]) -> Answer:
        (what,) = body
        answer: Answer = (202, {})
        if what == "evacuate":
            answer = self._evacuate(instance, body[what] or {})
        elif what in ("lock", "unlock"):
            self._instances[instance.uuid] = replace(instance, locked=what == "lock")
        elif what in _POWER and self._services[instance.host].up:
            self._on_its_way[instance.uuid] = (time.monotonic() + self._takes, _POWER[what])
        self.acts.append(Act(what, instance.host, answer[0], instance.uuid, time.monotonic()))
        return answer

    def _evacuate(self, instance: Instance, wish: dict[str, Any]) -> Answer:
        if self._services[instance.host].up:
            words = f"Compute service of {instance.host} is still in use."
            return 400, {"badRequest": {"code": 400, "message": words}}
        if instance.task is not None:
            words = f"Cannot 'evacuate' instance {instance.uuid} while it is in task_state {instance.task}"
            return 409, {"conflictingRequest": {"code": 409, "message": words}}
        self._instances[instance.uuid] = replace(instance, host=wish.get("host") or TARGET)
        return 200, {}

    def _version(self) -> dict[str, Any]:
        return {
            "id": "v2.1",
            "status": "CURRENT",
            "version": "2.96",
            "min_version": "2.1",
            "updated": "2013-07-23T11:33:21Z",
            "links": [{"rel": "self", "href": f"{self.url}/"}],
        }


def _shown(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.uuid,
        "name": f"instance-{instance.uuid[:8]}",
        "status": "ACTIVE" if instance.vm_state == "active" else "SHUTOFF",
        "metadata": {"HA_Enabled": "True"},
        "locked": instance.locked,
        "OS-EXT-STS:vm_state": instance.vm_state,
        "OS-EXT-STS:task_state": instance.task,
        "OS-EXT-STS:power_state": 1,
        "OS-EXT-SRV-ATTR:host": instance.host,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": instance.host,
    }


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, nova: PlayedNova) -> None:
        self.nova = nova
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._respond("GET")

    def do_PUT(self) -> None:
        self._respond("PUT")

    def do_POST(self) -> None:
        self._respond("POST")

    def _respond(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        status, document = self.server.nova.answer(method, self.path, body)
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Quiet."""

"""A real kube-apiserver with its node-lifecycle controller, on loopback, and kubelets played by hand.

One shell in a pid and mount namespace of its own starts etcd, the API server and the controller, so
that all end with it. A `Kubelet` does what the node controller looks at: it renews its node's
Lease and status. The controller gives a silent kubelet 10 s here instead of 40 s.
"""

import asyncio
import contextlib
import datetime
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.fixtures.lifeline import end, spawn

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
_TOKEN = "a-token-of-the-tests"
_LISTER = "a-token-that-may-list-nodes"

_START = """\
set -eu
cd {folder}
{bin}/etcd --data-dir etcd \\
  --listen-client-urls http://127.0.0.1:{etcd} --advertise-client-urls http://127.0.0.1:{etcd} \\
  --listen-peer-urls http://127.0.0.1:{peer} --initial-advertise-peer-urls http://127.0.0.1:{peer} \\
  --initial-cluster default=http://127.0.0.1:{peer} --unsafe-no-fsync > etcd.log 2>&1 &
# Both are started again when they end, as a service manager would do it: the controller gives up when the
# API server is not ready within 10 s, and a test may kill the API server.
while :; do
  {bin}/kube-controller-manager --kubeconfig=kubeconfig --controllers=nodelifecycle --leader-elect=false --port=0 \\
    --secure-port=0 --node-monitor-grace-period=10s --node-monitor-period=1s >> controller.log 2>&1 || true
  sleep 0.5
done &
while :; do
  {bin}/kube-apiserver --etcd-servers=http://127.0.0.1:{etcd} --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \\
    --secure-port={api} --cert-dir=certs --service-cluster-ip-range=10.0.0.0/24 \\
    --service-account-issuer=https://tests \\
    --service-account-key-file=sa.key --service-account-signing-key-file=sa.key --authorization-mode=RBAC \\
    --token-auth-file=tokens.csv --disable-admission-plugins=ServiceAccount >> api.log 2>&1 &
  echo $! > api.pid
  wait $! || true
  while [ -e held ]; do sleep 0.1; done
done
"""


class Cluster:
    """The control plane; `kubeconfig` is how a monitor reaches it, `list_only` with one right only."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self._bin = bin_folder
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.list_only = folder / "kubeconfig-list-only"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start everything and wait until the API server is ready; ports that were taken are tried anew."""
        for _ in range(3):
            ports = dict(zip(("etcd", "peer", "api"), _free_ports(3), strict=True))
            self._write(ports["api"])
            script = _START.format(folder=self.folder, bin=self._bin, **ports)
            self._process = spawn(["sh", "-c", script], realm=True, ahead=True, log=self.folder / "shell.log")
            if self._until_ready(120):
                return
            end(self._process, grace=0)
        raise AssertionError(f"the API server did not become ready; see {self.folder}/api.log")

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, grace=0)

    def kill_api(self) -> None:
        """SIGKILL the API server; it stays away until `release_api`."""
        (self.folder / "held").touch()
        inner = int((self.folder / "api.pid").read_text())
        for pid in _with_inner_pid(inner, "kube-apiserver"):
            os.kill(pid, signal.SIGKILL)

    def release_api(self) -> None:
        """Let it be started again, and wait until it is ready."""
        (self.folder / "held").unlink(missing_ok=True)
        assert self._until_ready(120), "the API server did not come back"

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[aiohttp.ClientSession]:
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        connector = aiohttp.TCPConnector(ssl=False)
        async with aiohttp.ClientSession(self.url, headers=headers, connector=connector) as client:
            yield client

    async def grant_list(self) -> None:
        """Give the account of `list_only` its one right."""
        group = "rbac.authorization.k8s.io"
        rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}
        role = {"metadata": {"name": "lister"}, "rules": [rule]}
        binding = {
            "metadata": {"name": "lister"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "lister"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "lister"}],
        }
        async with self.client() as client:
            for kind, body in (("clusterroles", role), ("clusterrolebindings", binding)):
                async with client.post(f"/apis/{group}/v1/{kind}", json=body) as answer:
                    assert answer.status in (201, 409), await answer.text()

    @contextlib.asynccontextmanager
    async def behind_a_proxy(self, folder: Path, seconds: float) -> AsyncIterator["Proxy"]:
        """Another way in, whose `kubeconfig` stands in `folder`: it resets each connection after so many seconds."""
        proxy = Proxy(int(self.url.rpartition(":")[2]), seconds)
        server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            proxy.kubeconfig = folder / "kubeconfig-proxy"
            proxy.kubeconfig.write_text(self._document(f"https://127.0.0.1:{port}", _TOKEN))
            yield proxy

    def _until_ready(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        ask = ["curl", "-sk", "-m2", "-H", f"Authorization: Bearer {_TOKEN}", f"{self.url}/readyz"]
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if subprocess.run(ask, capture_output=True).stdout == b"ok":
                return True
            time.sleep(0.2)
        return False

    def _write(self, port: int) -> None:
        self.url = f"https://127.0.0.1:{port}"
        (self.folder / "tokens.csv").write_text(f'{_TOKEN},admin,1,"system:masters"\n{_LISTER},lister,2\n')
        if not (self.folder / "sa.key").exists():
            subprocess.run(
                ["openssl", "genrsa", "-out", self.folder / "sa.key", "2048"], check=True, capture_output=True
            )
        self.kubeconfig.write_text(self._document(self.url, _TOKEN))
        self.list_only.write_text(self._document(self.url, _LISTER))

    @staticmethod
    def _document(url: str, token: str) -> str:
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                # The server makes its certificate itself at each start.
                "clusters": [{"name": "c", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )


class Proxy:
    """Hands bytes on, and resets each connection when its time is over: nothing may wait for long behind it."""

    def __init__(self, port: int, seconds: float) -> None:
        self.kubeconfig = Path()
        self.resets = 0
        self._port = port
        self._seconds = seconds

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.timeout(self._seconds), asyncio.TaskGroup() as tasks:
                    tasks.create_task(_hand_on(reader, far_writer))
                    tasks.create_task(_hand_on(far_reader, writer))
            except TimeoutError:
                self.resets += 1
                # No time to linger: the kernel sends a reset instead of an end.
                channel = writer.get_extra_info("socket")
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            finally:
                writer.transport.abort()
                far_writer.close()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class Kubelet:
    """A node and the heartbeat of its kubelet, once a second until it is silenced."""

    def __init__(self, cluster: Cluster, client: aiohttp.ClientSession, name: str) -> None:
        self.name = name
        self._cluster = cluster
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self.ready = True

    async def register(self, **labels: str) -> None:
        body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": labels}}
        async with self._client.post("/api/v1/nodes", json=body) as answer:
            assert answer.status in (201, 409), await answer.text()
        await self._beat()

    def speak(self, tasks: asyncio.TaskGroup) -> None:
        """Send heartbeats from now on."""
        self._task = tasks.create_task(self._beats())

    def silence(self) -> None:
        """The host has died, or only its kubelet."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def delete(self) -> None:
        self.silence()
        lease = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{self.name}"
        for path in (f"/api/v1/nodes/{self.name}", lease):
            async with self._client.delete(path) as answer:
                assert answer.status in (200, 404)

    async def _beats(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self._beat()
            await asyncio.sleep(1)

    async def _beat(self) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 - plays another host
        condition: dict[str, Any] = {
            "type": "Ready",
            "status": "True" if self.ready else "False",
            "reason": "KubeletReady" if self.ready else "KubeletNotReady",
            "message": "played by a test",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        body = {"status": {"conditions": [condition]}}
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        path = f"/api/v1/nodes/{self.name}/status"
        async with self._client.patch(path, json=body, headers=headers) as answer:
            await answer.read()
        await self._renew()

    async def _renew(self) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: TID251 - as above
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": now}
        body = {"metadata": {"name": self.name, "namespace": "kube-node-lease"}, "spec": spec}
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        async with self._client.post(path, json=body) as made:
            if made.status != 409:
                await made.read()
                return
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self._client.patch(f"{path}/{self.name}", json={"spec": spec}, headers=headers) as answer:
            await answer.read()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _with_inner_pid(inner: int, program: str) -> list[int]:
    """The processes of `program` whose pid inside their own namespace is `inner`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            pids = fields["NSpid"].split()
            if len(pids) > 1 and int(pids[-1]) == inner and fields["Name"].startswith(program[:15]):
                found.append(int(status.parent.name))
    return found

"""What an API server of Kubernetes answers, what a plugin prints, and kubeconfig files."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.core.election.candidate import Candidate
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.exec_plugin import read_printed
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.kubeconfig import (
    AccessFault,
    Credentials,
    find_access,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease import (
    LeaseSeen,
    challenge_lease,
    read_lease,
    release_lease,
    write_lease,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import NodeSeen, follow, read_node
from tests.fixtures.fake_clock import EPOCH
from tests.fuzz.driver import ENDURABLE, fuzzed, memory_of, read_or_refused
from tests.fuzz.shapes import DEEP, YAML_TOKENS, bent_json, bent_text, nested, yaml_bombs

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
NODES = json.loads((DATA / "k8s_nodelist.json").read_text())["items"][:3]
LOST = json.loads(json.dumps(NODES[0]))
for condition in LOST["status"]["conditions"]:
    if condition["type"] == "Ready":
        condition |= {"status": "Unknown", "lastTransitionTime": "2026-11-22T08:00:00Z"}
LOST["spec"] = {
    "unschedulable": True,
    "taints": [
        {"key": "node.kubernetes.io/out-of-service", "value": "x", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/unschedulable", "timeAdded": "2026-11-22T08:00:01Z"},
    ],
}
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {
        "name": "masakari",
        "uid": "8c0e",
        "resourceVersion": "71",
        "annotations": {
            "masakari-monitors/leader": '{"node":"node01","sees":["manage"],"delivers":true,"beat":3}',
            "masakari-monitors/challenge": '{"node":"node02","sees":[]}',
            "masakari-monitors/reported": '{"node07":{"host_status":"NORMAL","reported_at":'
            '"2026-11-22T08:00:00+00:00","delivered":true}}',
        },
    },
    "spec": {
        "holderIdentity": "node01",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-22T08:00:00.000000Z",
        "renewTime": "2026-11-22T08:00:10.000000Z",
        "leaseTransitions": 4,
    },
}
PRINTED = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {"token": "t", "expirationTimestamp": "2026-11-22T08:00:10Z"},
}
_PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
KUBECONFIG = (
    "apiVersion: v1\n"
    "kind: Config\n"
    "current-context: c\n"
    "clusters:\n"
    f"- {{name: k, cluster: {{server: 'https://192.0.2.1:6443', certificate-authority-data: {_PEM}}}}}\n"
    "contexts:\n"
    "- {name: c, context: {cluster: k, user: u}}\n"
    "users:\n"
    "- name: u\n"
    "  user:\n"
    "    token: secret\n"
    "    exec: {command: aws, args: [a, b], apiVersion: client.authentication.k8s.io/v1,"
    " env: [{name: A, value: b}]}\n",
)


@fuzzed(2)
@given(node=bent_json([*NODES, LOST]), before=bent_json([*NODES, LOST]))
def test_a_node_is_read_or_refused(node: Any, before: Any) -> None:
    seen = read_or_refused(lambda: read_node(node), ValueError)
    earlier = read_or_refused(lambda: read_node(before), ValueError)
    if seen is not None:
        after = follow(earlier, seen)
        assert isinstance(after, NodeSeen) and isinstance(after.sighting.value, Membership)
        assert isinstance(after.sighting.evidence, str) and hash(after) is not None
        assert 0 <= after.kubelet_port < 65536


@fuzzed()
@given(lease=bent_json([LEASE]), taken=st.booleans())
def test_a_lease_is_read_or_refused_and_can_be_written(lease: Any, taken: bool) -> None:
    seen = read_or_refused(lambda: read_lease(lease), ValueError)
    if seen is None:
        return
    assert isinstance(seen, LeaseSeen) and 0 <= seen.duration < 1e9 and abs(seen.transitions) < 1 << 31
    own = Candidate("node01" if taken else "node09")
    for body in (
        write_lease(seen, "masakari", own, EPOCH, duration=15),
        release_lease(seen, "masakari", EPOCH, "{}"),
        challenge_lease(seen, "masakari", own),
    ):
        json.dumps(body)


@fuzzed()
@given(
    document=bent_json([PRINTED, {**PRINTED, "status": {"clientCertificateData": "c", "clientKeyData": "k"}}])
)
def test_what_a_plugin_prints(document: Any) -> None:
    printed = read_or_refused(lambda: read_printed(document), ValueError, TypeError, AttributeError)
    if printed is not None:
        assert isinstance(printed.token, str | None) and isinstance(printed.certificate, str | None)
        printed.fresh(EPOCH)


@fuzzed()
@given(text=bent_text(KUBECONFIG, YAML_TOKENS))
def test_a_kubeconfig_is_read_or_refused_without_its_secrets(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("kube") / "config"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))

    def find() -> None:
        try:
            find_access(Credentials(str(file)), {})
        except AccessFault as fault:
            assert "secret" not in str(fault)

    read_or_refused(find)


@pytest.mark.parametrize("what", [*yaml_bombs(), *(f"{depth} deep" for depth in DEEP)])
def test_a_kubeconfig_that_is_small_as_text_stays_small(tmp_path: Path, what: str) -> None:
    file = tmp_path / "config"
    depth = what.removesuffix(" deep")
    file.write_text(nested("[", "", "]", int(depth)) if depth.isdigit() else yaml_bombs()[what])

    def refuse() -> None:
        with pytest.raises(AccessFault):
            find_access(Credentials(str(file)), {})

    assert memory_of(lambda: read_or_refused(refuse)) < ENDURABLE

"""How a real agent is reached (TCP, IPv6, TLS) and what a real ACL lets a monitor see and do."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import BIN
from tests.fixtures.waiting import PATIENCE, until
from tests.integration.consul.cluster import HTTP_PORT, HTTPS_PORT, MANAGE, Cluster, node_name
from tests.integration.consul.listening import listening
from tests.integration.consul.monitors import HostMonitor, reporter
from tests.integration.consul.watch import rows

pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.timeout(300)]

ALL_UP = {node_name(n): Membership.UP for n in range(1, 6)}
MASTER = "4f1e6f34-91b2-4d0e-b6c2-2b51f0a0d9aa"

# What docs/consul.rst tells an operator to grant; the test proves that it is enough.
POLICY = """
node_prefix "" { policy = "read" }
session_prefix "" { policy = "write" }
key_prefix "masakari-monitors/hostmonitor/" { policy = "write" }
key_prefix "masakari-monitors/hostmonitor-fleet/" { policy = "write" }
"""
READ_ONLY = 'node_prefix "" { policy = "read" }'


@pytest.mark.parametrize(
    "address", [MANAGE.address(4), f"[{MANAGE.address6(4)}]", f"http://{MANAGE.address(4)}"]
)
def test_an_agent_is_reached_as_the_manual_writes_it(cluster: Cluster, address: str) -> None:
    with listening(cluster, 4, Access(address=parse_address(f"{address}:{HTTP_PORT}"))) as heard:
        until(lambda: heard.values == ALL_UP, lambda: f"{heard.values} {heard.why}")
        cluster.kill(5, MANAGE)
        until(lambda: heard.values["node05"] is Membership.DOWN, "node05 down")


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(logs: Path) -> Path:
    """An authority, the agents' certificate (any name: server.test) and a client's."""
    folder = logs / "tls"
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca",
        "-addext", "keyUsage=critical,keyCertSign,digitalSignature",
    )  # fmt: skip
    for name in ("server.test", "client.test"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "extensions").write_text(f"subjectAltName=DNS:{name}\n")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-out", f"{name}.pem", "-extfile", "extensions",
        )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def tls_cluster(logs: Path, certificates: Path) -> Iterator[Cluster]:
    """One server and one client whose https interface asks for a client's certificate."""
    cluster = Cluster(
        logs / "tls-cluster",
        nodes=2,
        servers=1,
        datacentres=[MANAGE],
        settings={
            "ports": {"https": HTTPS_PORT},
            "addresses": {"https": "0.0.0.0"},
            "verify_incoming_https": True,
            "ca_file": f"{certificates}/ca.pem",
            "cert_file": f"{certificates}/server.test.pem",
            "key_file": f"{certificates}/server.test.key",
        },
    )
    try:
        cluster.start()
        cluster.heal()
        yield cluster
    finally:
        cluster.stop()


def test_tls_with_both_certificates(tls_cluster: Cluster, certificates: Path) -> None:
    address = parse_address(f"https://{MANAGE.address(2)}:{HTTPS_PORT}")
    mutual = Access(
        address=address,
        cafile=f"{certificates}/ca.pem",
        certfile=f"{certificates}/client.test.pem",
        keyfile=f"{certificates}/client.test.key",
        server_name="server.test",
    )
    with listening(tls_cluster, 2, mutual) as heard:
        until(lambda: heard.values == {"node01": Membership.UP, "node02": Membership.UP}, lambda: heard.why)
    for broken, word in (
        # Without our own certificate; with a name that the agent's does not carry; without its authority.
        (Access(address=address, cafile=mutual.cafile, server_name="server.test"), "cannot be reached"),
        (
            Access(address=address, cafile=mutual.cafile, certfile=mutual.certfile, keyfile=mutual.keyfile),
            "cafile",
        ),
        (
            Access(
                address=address, certfile=mutual.certfile, keyfile=mutual.keyfile, server_name="server.test"
            ),
            "cafile",
        ),
    ):
        with listening(tls_cluster, 2, broken) as heard:
            until(lambda h=heard: h.proven is False, "no sight")  # type: ignore[misc]
            assert word in heard.why and not heard.values
    unchecked = Access(address=address, certfile=mutual.certfile, keyfile=mutual.keyfile, verify=False)
    with listening(tls_cluster, 2, unchecked) as heard:
        until(lambda: heard.proven is True, lambda: heard.why)


# --- ACLs -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def locked_cluster(logs: Path) -> Iterator[Cluster]:
    """One server and two clients that deny by default."""
    cluster = Cluster(
        logs / "acl-cluster",
        nodes=3,
        servers=1,
        datacentres=[MANAGE],
        settings={
            "primary_datacenter": MANAGE.name,
            "acl": {
                "enabled": True,
                "default_policy": "deny",
                "tokens": {"master": MASTER, "agent": MASTER},
            },
        },
        token=MASTER,
    )
    try:
        cluster.start()
        cluster.heal()
        yield cluster
    finally:
        cluster.stop()


def grant(cluster: Cluster, name: str, rules: str) -> str:
    """A token with these rights."""
    cluster.ask(1, MANAGE, "/v1/acl/policy", method="PUT", body={"Name": name, "Rules": rules})
    token = cluster.ask(1, MANAGE, "/v1/acl/token", method="PUT", body={"Policies": [{"Name": name}]})
    return str(token["SecretID"])


def revoke(cluster: Cluster, name: str) -> None:
    """Whoever has rights by this policy may only see, and keep a session."""
    policies = cluster.ask(1, MANAGE, "/v1/acl/policies")
    identity = next(policy["ID"] for policy in policies if policy["Name"] == name)
    rules = READ_ONLY + '\nsession_prefix "" { policy = "write" }\nkey_prefix "" { policy = "read" }'
    cluster.ask(
        1,
        MANAGE,
        f"/v1/acl/policy/{identity}",
        method="PUT",
        body={"ID": identity, "Name": name, "Rules": rules},
    )


MATRIX = (
    "sequence: [manage]\nmatrix:\n  - {health: [up], action: []}\n  - {health: [down], action: [recovery]}\n"
)


@pytest.fixture
def locked_api(locked_cluster: Cluster) -> Iterator[FakeMasakari]:
    """A masakari-api for the monitors of the locked cluster, which is whole, and of which nobody is to be put back."""
    locked_cluster.heal()
    locked_cluster.ask(1, MANAGE, "/v1/kv/masakari-monitors/hostmonitor/ledger", method="DELETE")
    api = FakeMasakari([node_name(node) for node in (1, 2, 3)])
    yield api
    api.stop()


def test_without_a_token_the_monitor_says_that_it_is_blind(
    locked_cluster: Cluster, locked_api: FakeMasakari, tmp_path: Path
) -> None:
    """Consul answers 200 and an empty list: that is no empty cluster, and nobody has failed."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    consul = {"consul": {"matrix_config_file": tmp_path / "matrix.yaml"}}
    monitor = HostMonitor(locked_cluster, 2, locked_api, tmp_path, consul)
    monitor.start()
    try:
        monitor.until_said("link:manage blind: .*token may not read nodes")
        locked_cluster.kill(3)
        until(lambda: locked_cluster.statuses(1, MANAGE)["node03"] == "critical", "node03 critical")
        locked_cluster.heal()
        assert locked_api.heard() == []
    finally:
        monitor.stop()


@contextlib.contextmanager
def two_monitors(
    cluster: Cluster, api: FakeMasakari, folder: Path, policy: str
) -> Iterator[tuple[HostMonitor, HostMonitor]]:
    """The reporter and the other one, with a token of the documented rights; each sees all other hosts."""
    (folder / "matrix.yaml").write_text(MATRIX)
    token = folder / "token"
    token.write_text(grant(cluster, policy, POLICY))
    consul = {"consul": {"matrix_config_file": folder / "matrix.yaml", "token_file": token}}
    monitors = [HostMonitor(cluster, n, api, folder, consul) for n in (1, 2)]
    try:
        for monitor in monitors:
            monitor.start()
        leader = until(lambda: reporter(cluster), "a reporter")
        for monitor in monitors:
            until(lambda m=monitor: rows(m).get("hosts") == "2 up", f"{monitor.name} sees all")  # type: ignore[misc]
        one, other = sorted(monitors, key=lambda monitor: monitor.node != leader)
        yield one, other
    finally:
        for monitor in monitors:
            monitor.stop()


def test_with_the_documented_policy_one_is_elected_and_reports(
    locked_cluster: Cluster, locked_api: FakeMasakari, tmp_path: Path
) -> None:
    with two_monitors(locked_cluster, locked_api, tmp_path, "masakari") as (leader, follower):
        locked_cluster.kill(3)
        locked_api.until_heard(("node03", "STOPPED"))
        locked_cluster.heal()
        locked_api.until_heard(("node03", "STOPPED"), ("node03", "STARTED"))
        assert len({report.sender for report in locked_api.offers}) == 1
        until(
            lambda: fleet(leader).get("counts", {}).get("never heard") == 1,
            "both are heard, the third has none",
        )
        assert fleet(leader)["not_told"] == fleet(follower)["not_told"] == ""
        assert fleet(follower)["seen_by"] == leader.name


def fleet(monitor: HostMonitor) -> dict[str, Any]:
    """What a monitor knows of those of all hosts."""
    shown = monitor.status().get("fleet")
    return shown if isinstance(shown, dict) else {}


def test_with_the_documented_policy_a_silence_counts_on_all_hosts(
    locked_cluster: Cluster, locked_api: FakeMasakari, tmp_path: Path
) -> None:
    """The one that does not report is asked for it, and the other for its end."""
    with two_monitors(locked_cluster, locked_api, tmp_path, "masakari-silences") as (leader, follower):
        silenced = silence(follower, "add", "host:node03", "--for", "1h", "--reason", "new firmware")
        key = silenced.split()[1]
        for monitor in (leader, follower):
            monitor.until_shown(f"silence:{key}", "holds")
        locked_cluster.kill(3)
        for monitor in (leader, follower):
            monitor.until_said("host:node03 held: held: .* has silenced host:node03 until .*: new firmware")
        assert locked_api.heard() == []
        silence(leader, "end", key)
        locked_api.until_heard(("node03", "STOPPED"))
        for monitor in (leader, follower):
            monitor.until_said(f"silence:{key} acted: .* these still fail: node03")
        locked_cluster.heal()
        locked_api.until_heard(("node03", "STOPPED"), ("node03", "STARTED"))


def silence(monitor: HostMonitor, *words: str) -> str:
    """What is said to this wish."""
    ran = subprocess.run(
        [BIN / "masakari-monitors", "silence", *words, "--config-file", str(monitor.conf)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_without_the_right_to_lock_everyone_reports(
    locked_cluster: Cluster, locked_api: FakeMasakari, tmp_path: Path
) -> None:
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    token = grant(locked_cluster, "reader", READ_ONLY)
    consul = {"consul": {"matrix_config_file": tmp_path / "matrix.yaml", "token": token}}
    monitors = [HostMonitor(locked_cluster, n, locked_api, tmp_path, consul) for n in (1, 2)]
    try:
        for monitor in monitors:
            monitor.start()
        for monitor in monitors:
            monitor.until_said("every monitor reports for itself: .*refuses the token")
            until(lambda m=monitor: rows(m).get("hosts") == "2 up", f"{monitor.name} sees all")  # type: ignore[misc]
        locked_cluster.kill(3)
        locked_api.until_heard(("node03", "STOPPED"))
        for monitor in monitors:
            monitor.until_shown("host:node03", "failed, reported")
        locked_cluster.heal()
    finally:
        for monitor in monitors:
            monitor.stop()


def test_a_reporter_that_may_not_write_any_more_ends_in_a_successor(
    locked_cluster: Cluster, locked_api: FakeMasakari, tmp_path: Path
) -> None:
    """The rights of its token are taken away while it holds the lock; its session is renewed all the same."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    monitors = {}
    for node in (1, 2):
        token = grant(locked_cluster, f"masakari-{node}", POLICY)
        consul = {"consul": {"matrix_config_file": tmp_path / "matrix.yaml", "token": token}}
        monitors[node] = HostMonitor(locked_cluster, node, locked_api, tmp_path, consul)
    try:
        for monitor in monitors.values():
            monitor.start()
        first = until(lambda: reporter(locked_cluster), "a reporter")
        assert first is not None
        for monitor in monitors.values():
            until(lambda m=monitor: rows(m).get("hosts") == "2 up", f"{monitor.name} sees all")  # type: ignore[misc]
        revoke(locked_cluster, f"masakari-{first}")
        other = 3 - first
        until(lambda: reporter(locked_cluster) == other, f"node{other:02d} holds the lock")
        until(lambda: rows(monitors[other]).get("reporter") == "this monitor", "and reports")
        until(lambda: rows(monitors[first]).get("reporter") == node_name(other), "and is known to")
        assert locked_api.heard() == []
    finally:
        for monitor in monitors.values():
            monitor.stop()


def checked(monitor: HostMonitor) -> list[str]:
    """What `masakari-monitors check` says of Consul, beside the monitor and with its configuration."""
    argv = [
        str(BIN / "masakari-monitors"),
        "check",
        "--monitor",
        "hostmonitor",
        "--config-file",
        str(monitor.conf),
    ]
    with monitor.network():
        ran = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
    lines = [line for line in ran.stdout.splitlines() if " consul: " in line]
    assert lines and "Traceback" not in ran.stderr, ran
    assert ran.returncode == 1 or not [line for line in lines if line.startswith("FAULT")]
    return lines


@pytest.mark.parametrize(
    ("name", "rules", "faults"),
    [
        ("check-all", POLICY, []),
        ("check-reader", READ_ONLY, ["session_prefix", "key_prefix"]),
        ("check-no-session", POLICY.replace("session_prefix", "query_prefix"), ["session_prefix"]),
        (
            "check-no-keys",
            READ_ONLY + '\nsession_prefix "" { policy = "write" }\nkey_prefix "" { policy = "read" }',
            ["key_prefix"],
        ),
        ("check-no-nodes", POLICY.replace("node_prefix", "service_prefix"), ["node_prefix"]),
    ],
)
def test_check_names_the_right_that_is_missing_and_leaves_the_store_alone(
    locked_cluster: Cluster,
    locked_api: FakeMasakari,
    tmp_path: Path,
    name: str,
    rules: str,
    faults: list[str],
) -> None:
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    token = grant(locked_cluster, name, rules)
    consul = {"consul": {"matrix_config_file": tmp_path / "matrix.yaml", "token": token}}
    monitor = HostMonitor(locked_cluster, 2, locked_api, tmp_path, consul)
    before = standing(locked_cluster)
    lines = checked(monitor)
    said = [line for line in lines if line.startswith("FAULT")]
    assert len(said) == len(faults), lines
    assert all(word in line for word, line in zip(faults, said, strict=True)), lines
    assert standing(locked_cluster) == before


def standing(cluster: Cluster) -> tuple[object, object]:
    """The election's keys, and who has a session that a check has made."""
    try:
        keys = cluster.ask(1, MANAGE, "/v1/kv/masakari-monitors/?recurse")
    except ValueError:
        keys = None  # 404: there are none
    sessions = [one for one in cluster.ask(1, MANAGE, "/v1/session/list") or [] if "check" in one["Name"]]
    return [(one["Key"], one["ModifyIndex"]) for one in keys or ()], sessions

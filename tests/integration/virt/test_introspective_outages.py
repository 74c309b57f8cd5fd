"""libvirtd, the monitor or a guest's application fail: what is reported, what is not, and what is only once."""

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import Ruling
from masakarimonitors.outbox.storage.reading import connect_to_look
from tests.fixtures.waiting import until
from tests.integration.virt.instance import Instance
from tests.integration.virt.introspective import FAST, REPORT, pinging
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import Watch

pytestmark = [pytest.mark.xdist_group("virt"), pytest.mark.timeout(600)]

QUICK = FAST

LONG = 180.0
NOVA = """<nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1"><nova:name>web-1</nova:name>
<nova:flavor name="m1.small"/><nova:owner><nova:project uuid="p">shop</nova:project></nova:owner></nova:instance>"""


@pytest.fixture(scope="module")
def booted(realm: Realm) -> Iterator[tuple[Instance, Instance]]:
    """Two healthy guests that every test leaves healthy."""
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(realm.boot, "instance-one", metadata=NOVA)
        two = pool.submit(realm.boot, "instance-two")
        instances = one.result(), two.result()
    yield instances
    for instance in instances:
        instance.remove()


@pytest.fixture
def guests(realm: Realm, booted: tuple[Instance, Instance]) -> Iterator[tuple[Instance, Instance]]:
    """The two guests, answering before and after."""
    yield booted
    if realm.libvirtd_pid is None:
        realm.start_libvirtd()
    for instance in booted:
        instance.unhang()
        instance.wait_for_agent()


def rulings(watch: Watch, instance: Instance) -> list[Ruling]:
    return [verdict.ruling for verdict in watch.verdicts(instance)]


def wait_for(watch: Watch, instance: Instance, ruling: Ruling) -> None:
    until(lambda: ruling in rulings(watch, instance), f"{instance.name} to be {ruling}", LONG)


def test_libvirtd_restarted_while_a_ping_hangs(
    realm: Realm, guests: tuple[Instance, Instance], tmp_path: Path
) -> None:
    """Unknown is not down; and what hung before hangs afterwards, and is reported then, or told as not seen.

    A libvirtd that is restarted cannot connect to a QEMU that stands still, and calls its agent not connected. libvirt
    11 does not describe it at all (dumpxml) until it goes on; 9 does.
    """
    hung, well = guests
    with pinging(realm, tmp_path, **QUICK) as watch:
        for instance in guests:
            watch.knows(instance, "healthy")
        hung.hang()
        wait_for(watch, hung, Ruling.SUSPECTED)
        realm.kill_libvirtd()
        blind = partial(watch.verdicts, "host:compute-1")
        until(
            lambda: any(verdict.ruling is Ruling.BLIND for verdict in blind()),
            "the loss of libvirt to be told",
        )
        # Other tests' instances may stand in the same libvirt, and are not watched.
        assert set(watch.states().values()) <= {"unknown", "away", "not watched"}
        assert watch.api.offers == []
        realm.start_libvirtd()
        described = realm.client.getLibVersion() < 11_000_000
        if described:
            until(lambda: watch.said(hung), "the report after libvirtd is back", LONG)
        else:
            wait_for(watch, hung, Ruling.BLIND)
        watch.knows(well, "healthy")
        assert watch.said(hung) == ([REPORT] if described else []) and watch.said(well) == []
        hung.unhang()
        watch.knows(hung, "healthy")


def test_a_hang_while_the_monitor_was_away_is_reported_once_over_restarts(
    realm: Realm, guests: tuple[Instance, Instance], tmp_path: Path
) -> None:
    hung, well = guests
    with pinging(realm, tmp_path, **QUICK) as watch:
        for instance in guests:
            watch.knows(instance, "healthy")
    hung.hang()
    with pinging(realm, tmp_path, **QUICK) as watch:
        until(lambda: watch.said(hung), "the report", LONG)
        assert watch.said(hung) == [REPORT]
    with pinging(realm, tmp_path, **QUICK) as watch:
        watch.knows(hung, "reported")
        watch.knows(well, "healthy")
        hung.unhang()
        watch.knows(hung, "healthy")
        assert watch.said(hung) == [] and watch.said(well) == []


def test_a_spent_budget_holds_and_shouts_also_after_a_restart(
    realm: Realm, guests: tuple[Instance, Instance], tmp_path: Path
) -> None:
    hung, _ = guests
    options = {**QUICK, "max_reports_per_hour": 1}
    with pinging(realm, tmp_path, **options) as watch:
        watch.knows(hung, "healthy")
        hung.hang()
        until(lambda: watch.said(hung), "the first report", LONG)
        hung.unhang()
        watch.knows(hung, "healthy")
    with pinging(realm, tmp_path, **options) as watch:
        watch.knows(hung, "healthy")
        hung.hang()
        wait_for(watch, hung, Ruling.HELD)
        held = next(v for v in watch.verdicts(hung) if v.ruling is Ruling.HELD)
        assert held.alarm and "1 times within the hour" in held.evidence
        assert watch.said(hung) == []


def test_application_checks_in_guests(
    realm: Realm, guests: tuple[Instance, Instance], tmp_path: Path
) -> None:
    """Each check with its own expectation; what cannot be run is not a failure."""
    one, two = guests
    checks = tmp_path / "checks.yaml"
    checks.write_text(
        """\
checks:
  - name: not-broken
    match: {nova: {project: shop, name: web-*}}
    command: [/bin/sh, -c, "test ! -e /tmp/broken"]
    interval: 1
    failures: 2
  - name: says-ready
    match: {name: instance-two}
    command: [/bin/sh, -c, "cat /tmp/says 2>/dev/null || echo ready"]
    output: ^ready$
    interval: 1
    failures: 1
  - name: ends-in-time
    match: {name: instance-two}
    command: [/bin/sh, -c, "test ! -e /tmp/slow || sleep 30"]
    interval: 1
    timeout: 1
    failures: 2
  - name: not-there
    match: {name: "*"}
    command: [/no/such/program]
    interval: 1
    failures: 1
"""
    )
    with pinging(realm, tmp_path, **QUICK, checks_file=checks) as watch:
        for instance in guests:
            watch.knows(instance, "healthy")
        until(lambda: _knows_checks(tmp_path, one, {"not-broken"}), "the check of one to pass", LONG)
        until(
            lambda: _knows_checks(tmp_path, two, {"says-ready", "ends-in-time"}),
            "the checks of two to pass",
            LONG,
        )
        assert watch.api.offers == []

        one.guest_run("touch /tmp/broken")
        until(lambda: watch.said(one), "the failed check to be reported", LONG)
        one.guest_run("rm /tmp/broken")
        watch.knows(one, "healthy")
        assert watch.status is not None
        # Other tests' instances may stand in the same libvirt, and are not watched.
        details = [row.detail for row in watch.status.subjects() if row.state != "not watched"]
        assert all("check not-there has not passed yet: the check could not be made" in d for d in details)

        two.guest_run("echo closed > /tmp/says")
        until(lambda: watch.said(two), "the wrong output to be reported", LONG)
        two.guest_run("rm /tmp/says")
        until(lambda: _recovered(watch, two) == 1, "its recovery", LONG)
        two.guest_run("touch /tmp/slow")
        until(lambda: len(watch.said(two)) == 2, "the slow check to be reported", LONG)
        two.guest_run("rm /tmp/slow")
        until(lambda: _recovered(watch, two) == 2, "its recovery", LONG)

        assert watch.said(one) == [REPORT] and watch.said(two) == [REPORT, REPORT]
        told = [v.why for one in guests for v in watch.verdicts(one) if v.ruling is Ruling.REPORTED]
        assert "instance-one: not-broken failed 2 times in a row" in told
        # The look at the guest takes a second, in which the check may fail once more.
        assert any(why.startswith("instance-two: says-ready failed ") for why in told)
        assert "instance-two: ends-in-time failed 2 times in a row" in told


def _recovered(watch: Watch, instance: Instance) -> int:
    return rulings(watch, instance).count(Ruling.RECOVERED)


def _knows_checks(folder: Path, instance: Instance, names: set[str]) -> bool:
    """Whether the monitor remembers that these checks have passed."""
    with contextlib.closing(connect_to_look(folder / "introspectiveinstancemonitor.sqlite")) as database:
        rows = database.execute(
            "SELECT value FROM memory WHERE key = ?", (f"guest:{instance.uuid}",)
        ).fetchall()
    return bool(rows) and names <= set(json.loads(rows[0][0])["phases"])


def test_a_file_of_checks_with_faults_stops_the_start(realm: Realm, tmp_path: Path) -> None:
    checks = tmp_path / "checks.yaml"
    checks.write_text("checks:\n  - name: web\n    match: {nmae: a}\n    command: curl\n")
    with pytest.raises(ConfigFault) as caught, pinging(realm, tmp_path, checks_file=checks):
        pass
    for fault in ("line 3, column 13: unknown key 'nmae'", "line 4, column 14: command must be a list"):
        assert f"{checks}, {fault}" in str(caught.value)


def test_a_pattern_that_is_none_stops_the_start(realm: Realm, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigFault, match="no regular expression"),
        pinging(realm, tmp_path, qemu_guest_agent_sock_path="/var/(lib"),
    ):
        pass

"""Two URIs that lead to one real libvirtd: what dies there has died once."""

from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import FAILED, watching

pytestmark = pytest.mark.xdist_group("virt")


def test_one_death_is_one_report(realm: Realm, tmp_path: Path) -> None:
    again = tmp_path / "libvirt.sock"
    again.symlink_to(f"{realm.socket}-ro")
    uris = f"{realm.uri_ro}, qemu+unix:///system?socket={again}"
    with watching(realm, tmp_path, uri=uris, report="actionable", resync_interval=5) as watch:
        for number in range(3):
            instance = realm.paused(f"twice-{number}")
            watch.knows(instance)
            instance.kill()
            watch.reports(instance)
            until(
                lambda one=instance: any(  # type: ignore[misc]
                    "lead to the same libvirt" in verdict.why for verdict in watch.verdicts(one)
                ),
                "the other URI to be read",
            )
            # While the other one lists it yet, that is no reason to leave it to itself.
            assert not [
                verdict.why
                for verdict in watch.verdicts(instance)
                if verdict.ruling == "planned" and "it runs at" in verdict.why
            ]
            assert watch.said(instance) == [FAILED]
            instance.remove()

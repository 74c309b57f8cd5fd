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
                    # By which of the two is read first, while the other one lists it yet.
                    words in verdict.why
                    for verdict in watch.verdicts(one)
                    for words in ("lead to the same libvirt", "it runs at")
                ),
                "the other URI to be read",
            )
            assert watch.said(instance) == [FAILED]
            instance.remove()

"""Sixty real live migrations that are aborted, six at a time, before the instance monitors of both hosts."""

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.table import Row
from tests.integration.virt.migration import Migration
from tests.integration.virt.ready import why_not
from tests.integration.virt.realm import Realm, opened
from tests.integration.virt.watching import Watch, watching

TOGETHER, ROUNDS = 6, 10


def bench() -> list[Row]:
    """About two minutes."""
    if reason := why_not():
        return [Row("aborted migrations of real QEMU", "-", f"not measured: {reason}", True)]
    with opened() as here, opened() as there, tempfile.TemporaryDirectory() as folder:
        names = [f"mover-{number}" for number in range(TOGETHER)]
        uuids = [here.bare(name, ballast=here.ballast()).uuid for name in names]
        for one in ("here", "there"):
            (Path(folder) / one).mkdir()
        with (
            watching(here, Path(folder) / "here", report="actionable") as source,
            watching(there, Path(folder) / "there", report="actionable") as target,
        ):
            for _ in range(ROUNDS):
                _abort_together([Migration(here, there, name, bandwidth=1).begun() for name in names])
            _all_is_told(here, source)
            _all_is_told(there, target)
            said = [f"{uuid}: {words}" for uuid in uuids for words in source.said(uuid) + target.said(uuid)]
    figure = f"{TOGETHER * ROUNDS} aborted migrations, {TOGETHER} at a time: false reports"
    return [Row(figure, "0", f"{len(said)} {'; '.join(said)}".strip(), not said)]


def _abort_together(migrations: list[Migration]) -> None:
    together = threading.Barrier(len(migrations))

    def abort(migration: Migration) -> None:
        together.wait(60)
        migration.abort()

    with ThreadPoolExecutor(len(migrations)) as pool:
        list(pool.map(abort, migrations))


def _all_is_told(realm: Realm, watch: Watch) -> None:
    """Returns when a later death has been told."""
    barrier = realm.paused("barrier")
    watch.knows(barrier)
    barrier.kill()
    watch.reports(barrier)

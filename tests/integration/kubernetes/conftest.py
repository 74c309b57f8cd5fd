"""One real control plane for the whole suite; skipped, with the reason, where it could not be built."""

import os
from collections.abc import Iterator

import pytest

from tests.fixtures.cache import cache
from tests.integration.kubernetes.cluster import PROGRAMS, Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = cache("kubernetes")
    missing = [name for name in PROGRAMS if not os.access(folder / "bin" / name, os.X_OK)]
    if missing:
        reason = folder / "why-not"
        why = reason.read_text().strip() if reason.exists() else "tools/setup-kubernetes.sh has not been run"
        if os.geteuid() == 0 and not reason.exists():
            raise AssertionError(why)
        pytest.skip(f"no real kube-apiserver here: {why}")
    if os.geteuid() != 0:
        pytest.skip("namespaces for a real kube-apiserver need root")
    running = Cluster(folder / "bin", tmp_path_factory.mktemp("kubernetes"))
    running.start()
    yield running
    running.stop()

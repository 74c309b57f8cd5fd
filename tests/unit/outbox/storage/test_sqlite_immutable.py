"""A folder that is marked as immutable: what waits in it is known, and what is new stays in memory."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from masakarimonitors.outbox.rows import Keep
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import StoreFault


@contextmanager
def immutable(*paths: Path) -> Iterator[None]:
    marked = [str(path) for path in paths]
    if shutil.which("chattr") is None:
        pytest.skip("there is no chattr here")
    try:
        if subprocess.run(["chattr", "+i", *marked], capture_output=True, check=False).returncode:
            pytest.skip("nothing can be marked as immutable here")
        yield
    finally:
        subprocess.run(["chattr", "-i", *marked], capture_output=True, check=False)


@pytest.mark.parametrize("files", [False, True])
def test_what_waits_in_an_immutable_folder_is_known_at_a_start(tmp_path: Path, files: bool) -> None:
    path = tmp_path / "processmonitor.sqlite"
    store = SqliteStore(path)
    store.load()
    store.write([Keep("libvirtd", {"down": True})])
    store.close()
    with immutable(tmp_path, *(tmp_path.iterdir() if files else ())):
        store = SqliteStore(path)
        assert store.load().memory == {"libvirtd": {"down": True}}
        with pytest.raises(StoreFault) as raised:
            store.write([Keep("libvirtd", None)])
        assert not raised.value.lasting and not raised.value.unread
        store.close()


def test_an_immutable_folder_without_an_outbox_is_no_end(tmp_path: Path) -> None:
    with immutable(tmp_path):
        store = SqliteStore(tmp_path / "processmonitor.sqlite")
        with pytest.raises(StoreFault) as raised:
            store.load()
        assert not raised.value.lasting and not raised.value.unread
        store.close()

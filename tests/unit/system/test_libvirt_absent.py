"""Where no libvirt runs, `run` says so instead of watching nothing."""

from pathlib import Path

from masakarimonitors.system.libvirt import absent


def test_only_the_absence_of_every_local_socket_is_an_answer(tmp_path: Path) -> None:
    assert "no libvirt runs" in absent(["qemu:///system"], tmp_path)
    assert absent(["qemu+tcp://host/system"], tmp_path) == ""
    assert absent(["qemu:///system", "qemu+tcp://host/system"], tmp_path) == ""
    assert absent(["qemu:///system?socket=/elsewhere"], tmp_path) == ""
    (tmp_path / "virtqemud-sock-ro").touch()
    assert absent(["qemu:///system"], tmp_path) == ""

"""What an operator writes as connection_uri, and where no libvirt runs."""

from pathlib import Path

import pytest

from masakarimonitors.libvirt.uri import BadUri, absent, is_local, parse_uris


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("qemu:///system", ["qemu:///system"]),
        ('"qemu+tcp://10.0.0.1/system"', ["qemu+tcp://10.0.0.1/system"]),
        ("'qemu:///system'", ["qemu:///system"]),
        (
            "qemu:///system, test+unix:///default?socket=/run/x",
            ["qemu:///system", "test+unix:///default?socket=/run/x"],
        ),
        ('"qemu:///system","qemu+tcp://b/system"', ["qemu:///system", "qemu+tcp://b/system"]),
        ('"qemu:///system,qemu+tcp://b/system"', ["qemu:///system", "qemu+tcp://b/system"]),
        ("qemu:///system,qemu:///system", ["qemu:///system"]),
        ("qemu+ssh://b/system?command=/a,b", ["qemu+ssh://b/system?command=/a,b"]),
    ],
)
def test_one_or_several_uris(written: str, meant: list[str]) -> None:
    assert list(parse_uris(written)) == meant


@pytest.mark.parametrize("written", ["", '""', "system", "/run/libvirt/libvirt-sock"])
def test_what_is_no_uri_is_named(written: str) -> None:
    with pytest.raises(BadUri, match="qemu:///system"):
        parse_uris(written)


def test_which_uris_speak_of_this_host() -> None:
    assert is_local("qemu:///system?socket=/x")
    assert not is_local("qemu+tcp://compute-2/system")
    assert not is_local("qemu+tcp://[::1")


def test_only_the_absence_of_every_local_socket_is_an_answer(tmp_path: Path) -> None:
    assert "no libvirt runs" in absent(["qemu:///system"], tmp_path)
    assert absent(["qemu+tcp://host/system"], tmp_path) == ""
    assert absent(["qemu:///system", "qemu+tcp://host/system"], tmp_path) == ""
    assert absent(["qemu:///system?socket=/elsewhere"], tmp_path) == ""
    assert absent(["test:///default"], tmp_path) == "", "inside of this process"
    assert absent(["qemu:///session"], tmp_path) == "", "in a folder of its user"
    (tmp_path / "virtqemud-sock-ro").touch()
    assert absent(["qemu:///system"], tmp_path) == ""

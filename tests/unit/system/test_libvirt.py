"""What an operator writes as connection_uri, and what is said when libvirt's binding is missing."""

import subprocess
import sys

import pytest

from masakarimonitors.system.libvirt import BadUri, is_local, uris


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
    assert list(uris(written)) == meant


@pytest.mark.parametrize("written", ["", '""', "system", "/run/libvirt/libvirt-sock"])
def test_what_is_no_uri_is_named(written: str) -> None:
    with pytest.raises(BadUri, match="qemu:///system"):
        uris(written)


def test_which_uris_speak_of_this_host() -> None:
    assert is_local("qemu:///system?socket=/x")
    assert not is_local("qemu+tcp://compute-2/system")
    assert not is_local("qemu+tcp://[::1")


def test_a_missing_binding_is_a_message() -> None:
    # In a process of its own: the import of a module cannot be taken back.
    script = (
        "import sys; sys.modules['libvirt'] = None\n"
        "from masakarimonitors.system import libvirt\n"
        "try: libvirt.load()\n"
        "except libvirt.BindingMissing as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert "python3-libvirt" in done.stdout

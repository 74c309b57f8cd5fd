"""What libvirt says of a domain: its XML, and the log of its QEMU."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.instancemonitor.qemu_files import Log, QemuFiles, last_life
from masakarimonitors.introspectiveinstancemonitor.sources.domain_xml import describe
from tests.fuzz.driver import ENDURABLE, MOST, fuzzed, memory_of, read_or_refused
from tests.fuzz.shapes import DEEP, XML_TOKENS, bent_text, laughs, nested

DOMAINS = (
    "<domain type='kvm' id='3'><name>instance-00000001</name>"
    "<uuid>0bd7a8d3-7c38-4a52-8d1c-5d3e1a3b5a11</uuid><metadata>"
    "<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>web-1</nova:name>"
    "<nova:flavor name='large'/><nova:owner><nova:user uuid='u'>admin</nova:user>"
    "<nova:project uuid='p'>shop</nova:project></nova:owner></nova:instance></metadata><devices>"
    "<disk type='file' device='disk'><source file='/var/lib/nova/instances/0bd7a8d3-7c38-4a52-8d1c-5d3e1a3b5a11/disk'/>"
    "</disk><disk type='network' device='disk'><source protocol='rbd' name='vms/a'><host name='192.0.2.1'/></source>"
    "</disk><disk type='block'><source dev='/dev/disk/by-path/ip-192.0.2.1:3260-iscsi-iqn.x-lun-1'/></disk>"
    "<channel type='unix'><source mode='bind' path='/a.sock'/>"
    "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel></devices></domain>",
)
TOKENS = (
    *XML_TOKENS,
    "<devices>",
    "<channel/>",
    "<target name='org.qemu.guest_agent.0'/>",
    "<source/>",
    "<metadata>",
)
LOGS = (
    "2026-11-22 08:00:00.123+0000: starting up libvirt version: 9.0.0, package: 4, qemu version: 7.2.9, kernel: 6.1\n"
    "LC_ALL=C /usr/bin/qemu-system-x86_64 -name guest=instance-00000001 -incoming defer\n"
    "qemu-system-x86_64: terminating on signal 15 from pid 1234\n"
    "2026-11-22 08:10:00.456+0000: shutting down, reason=crashed\n"
    "2026-11-22 08:11:00.123+0000: starting up libvirt version: 9.0.0\n"
    "2026-11-22 08:12:00.456+0000: shutting down, reason=failed\n",
)
LOG_TOKENS = (
    ": shutting down, reason=",
    "shutting down, reason=destroyed\n",
    ": starting up libvirt version",
    "0001-01-01 00:00:00.000+2359",
    "9999-12-31 23:59:59.999-2359",
    "-incoming",
    "\n",
)


@fuzzed()
@given(text=bent_text(DOMAINS, TOKENS))
def test_a_domain_is_read_or_refused(text: str) -> None:
    found = read_or_refused(lambda: describe(text), ValueError)
    if found is not None:
        words = (*found.nova.words.values(), *found.storages)
        assert all(isinstance(word, str) for word in words)


def test_the_sample_itself_is_read() -> None:
    found = describe(DOMAINS[0])
    assert found.channel and found.nova.name == "web-1" and len(found.storages) == 3


def test_names_that_stand_for_a_thousand_million_others() -> None:
    def refuse() -> None:
        with pytest.raises(ValueError):
            describe(f"{laughs()}<domain><name>&l9;</name></domain>")

    assert memory_of(lambda: read_or_refused(refuse)) < ENDURABLE


@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize("tag", ["a", "devices", "channel", "domain"])
def test_nesting(depth: int, tag: str) -> None:
    depth = min(depth, MOST // (2 * len(tag) + 5))
    read_or_refused(lambda: describe(nested(f"<{tag}>", "", f"</{tag}>", depth)), ValueError)


def a_log(raw: bytes) -> Log:
    log = last_life(raw)
    assert abs(log.started) < 1e12 and log.last_words.isascii()
    return log


@fuzzed()
@given(text=bent_text(LOGS, LOG_TOKENS))
def test_any_log(text: str) -> None:
    read_or_refused(lambda: a_log(text.encode("utf-8", "surrogatepass")))


@fuzzed()
@given(raw=st.binary(max_size=200))
def test_any_bytes_in_a_log(raw: bytes) -> None:
    read_or_refused(lambda: a_log(LOGS[0].encode() + raw + LOGS[0].encode()))


@pytest.mark.parametrize("piece", [*LOG_TOKENS, "x", "2", "x: shutting down, reason=a ", *LOGS])
def test_a_log_without_end_is_read_at_its_end(tmp_path: Path, piece: str) -> None:
    (tmp_path / "i.log").write_text(piece * (4 * MOST // len(piece)))
    read_or_refused(lambda: QemuFiles(tmp_path, tmp_path).log("i"))


@fuzzed()
@given(name=st.text(max_size=20))
def test_any_name_of_a_domain(name: str) -> None:
    """A name may be no file's: then there is none."""
    files = QemuFiles(Path("/nonexistent"), Path("/nonexistent"))
    read_or_refused(lambda: (files.log(name), files.process(name)))

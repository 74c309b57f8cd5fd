import pytest

from masakarimonitors.introspectiveinstancemonitor.sources.domain_xml import Channel, Nova, describe

AGENT = "<channel type='unix'><source mode='bind' path='{path}'/><target type='virtio' name='{name}'{state}/></channel>"


def domain(*channels: str, metadata: str = "") -> str:
    return (
        f"<domain type='kvm'><metadata>{metadata}</metadata><devices>{''.join(channels)}</devices></domain>"
    )


def channel(path: str = "/a.sock", name: str = "org.qemu.guest_agent.0", state: str = "") -> str:
    return AGENT.format(path=path, name=name, state=f" state='{state}'" if state else "")


SPICE = (
    "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0' state='connected'/></channel>"
)


@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("after", range(3))
def test_the_agents_channel_is_found_wherever_it_stands(before: int, after: int) -> None:
    others = channel("/other.sock", "org.other.0", "disconnected")
    found = describe(
        domain(*[SPICE, others][:before], channel("/agent.sock"), *[others, SPICE][:after])
    ).channel
    assert found == Channel("/agent.sock", True)


@pytest.mark.parametrize(("state", "connected"), [("connected", True), ("disconnected", False), ("", True)])
def test_its_state(state: str, connected: bool) -> None:
    found = describe(domain(channel(state=state))).channel
    assert found is not None and found.connected is connected


def test_no_channel_or_one_without_a_socket() -> None:
    assert describe(domain(SPICE)).channel is None
    assert describe(domain("<channel type='pty'/>")).channel is None
    bare = "<channel type='spicevmc'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    assert describe(domain(bare)).channel == Channel("", True)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_novas_words(version: str) -> None:
    metadata = f"""<nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/{version}">
      <nova:package version="27.1.0"/><nova:name>web-1</nova:name>
      <nova:flavor name="m1.small"><nova:memory>512</nova:memory></nova:flavor>
      <nova:owner><nova:user uuid="u">alice</nova:user><nova:project uuid="p">shop</nova:project></nova:owner>
    </nova:instance>"""
    assert describe(domain(metadata=metadata)).nova == Nova("web-1", "m1.small", "shop", "alice")


def test_a_domain_that_nova_did_not_make() -> None:
    assert describe(domain(metadata="<x xmlns='urn:x'/>")).nova == Nova()


def test_text_that_is_no_xml() -> None:
    with pytest.raises(ValueError, match="no domain XML"):
        describe("<domain>")

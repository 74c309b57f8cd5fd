"""What Pacemaker's commands print, what its alerts say, and what other members of Corosync's group send."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.hearing import (
    goodbye_in,
    goodbye_of,
    goodbyes_of,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.cib import read_cib
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.crm_mon import read_crm_mon
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon, Unreadable
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    GroupMessage,
    decode_gone,
    decode_ways,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import read_fencing_devices
from tests.fuzz.driver import ENDURABLE, MOST, fuzzed, memory_of, read_or_refused
from tests.fuzz.shapes import DEEP, XML_TOKENS, any_json, bent_text, json_bytes, laughs, nested

DATA = Path(__file__).parents[1] / "data" / "pacemaker"
NAMES = ("healthy", "remote-node-down-fence", "stonith-mixed-agents-config", "node-graceful-stop-all")
CIBS = tuple((DATA / f"{name}.cib.xml").read_text() for name in NAMES)
MONS = tuple((DATA / f"{name}.crm_mon.xml").read_text() for name in NAMES)
SMALL_CIB = (
    '<cib have-quorum="1"><configuration><crm_config><cluster_property_set id="c">'
    '<nvpair id="a" name="stonith-enabled" value="true"/></cluster_property_set></crm_config>'
    '<resources><template id="t" class="ocf" type="remote"/><primitive id="r1" template="t">'
    '<instance_attributes id="i"><nvpair id="p" name="port" value="3121"/></instance_attributes>'
    '<operations><op id="o"/></operations></primitive></resources></configuration>'
    '<status><node_state id="1" uname="n1" in_ccm="true" crmd="online" expected="member">'
    '<lrm id="1"><lrm_resources/></lrm><transient_attributes id="1"><instance_attributes id="s">'
    '<nvpair id="x" name="shutdown" value="0"/></instance_attributes></transient_attributes></node_state>'
    '<node_state id="r" uname="r1" remote_node="true" in_ccm="false" node_fenced="0"/></status></cib>',
)
SMALL_MON = (
    '<pacemaker-result><summary><current_dc name="n1" with_quorum="true"/>'
    '<cluster_options stonith-enabled="true"/></summary>'
    '<nodes><node name="n1" online="true" unclean="false" type="member"/></nodes>'
    '<resources><resource id="r1" resource_agent="ocf:pacemaker:remote" role="Started" managed="true"/></resources>'
    '<node_history><node name="n1"/></node_history>'
    '<fence_history><fence_event action="off" target="n2" status="success" completed="2026-11-22 08:19:01.123Z"/>'
    '</fence_history><status code="0" message="OK"/></pacemaker-result>',
)
DEVICES = (
    '<resources><primitive id="f1" class="stonith" type="fence_ipmilan"><instance_attributes id="a">'
    '<nvpair id="1" name="ip" value="192.0.2.1"/><nvpair id="2" name="username" value="u"/>'
    '<nvpair id="3" name="password" value="p"/><nvpair id="4" name="pcmk_host_list" value="n1"/>'
    '<nvpair id="5" name="ipport" value="623"/><nvpair id="6" name="lanplus" value="1"/></instance_attributes>'
    '<meta_attributes id="m"><nvpair id="7" name="target-role" value="Started"/></meta_attributes></primitive>'
    '<template id="t" class="stonith" type="fence_redfish"><instance_attributes id-ref="a"/></template>'
    '<clone id="c"><primitive id="f2" template="t"><instance_attributes id="b">'
    '<nvpair id="8" name="pcmk_host_map" value="n2:1;n3:2,3"/><nvpair id-ref="1"/></instance_attributes></primitive>'
    "</clone></resources>",
)
TOKENS = (
    *XML_TOKENS,
    "<lrm>",
    "</lrm>",
    "<lrm/>",
    "<node_state>",
    '<node_state uname="x" node_fenced="1e9"/>',
    "<nvpair/>",
    "<primitive>",
    "<status>",
    "<nodes>",
    '<node name="n"/>',
    "<node_history>",
    "</node_history>",
    "<fence_event/>",
    '<fence_event action="off" completed="9999-12-31 23:59:59 -23:59"/>',
    "<errors><error/></errors>",
    'id-ref="a"',
    'value="n1:"',
    'value="' + ";" * 50 + '"',
    'template="t"',
)
READERS = {"cib": read_cib, "crm_mon": read_crm_mon, "devices": read_fencing_devices}


@fuzzed()
@given(text=st.one_of(bent_text(SMALL_CIB, TOKENS), bent_text(CIBS, TOKENS)))
def test_a_cib_is_read_or_refused(text: str) -> None:
    cib = read_or_refused(lambda: read_cib(text), Unreadable)
    if cib is not None:
        assert isinstance(cib, Cib) and all(node.name for node in cib.nodes)
        assert all(0 < one.port < 65536 for one in cib.connections.values())


@fuzzed()
@given(text=st.one_of(bent_text(SMALL_MON, TOKENS), bent_text(MONS, TOKENS)))
def test_crm_mons_words_are_read_or_refused(text: str) -> None:
    mon = read_or_refused(lambda: read_crm_mon(text), Unreadable)
    if mon is not None:
        assert isinstance(mon, CrmMon) and mon.nodes
        assert all(one.completed is None or one.completed.tzinfo for one in mon.fenced.values())


@fuzzed()
@given(text=st.one_of(bent_text(DEVICES, TOKENS), bent_text(CIBS, TOKENS)))
def test_fencing_devices_are_read_or_refused(text: str) -> None:
    found = read_or_refused(lambda: read_fencing_devices(text), Unreadable)
    if found is not None:
        for address in (one for some in found.by_host.values() for one in some):
            assert 0 <= address.port < 65536
        found.proves("n1")


def test_the_samples_themselves_are_read() -> None:
    for text in (*CIBS, *SMALL_CIB):
        assert read_cib(text).nodes
    for text in (*MONS, *SMALL_MON):
        assert read_crm_mon(text).nodes
    assert read_fencing_devices(DEVICES[0]).by_host


@pytest.mark.parametrize("name", READERS)
def test_names_that_stand_for_a_thousand_million_others(name: str) -> None:
    text = f"{laughs()}<cib><status><node name='&l9;' uname='&l9;'>&l9;</node></status></cib>"

    def refuse() -> None:
        with pytest.raises(Unreadable):
            READERS[name](text)

    assert memory_of(lambda: read_or_refused(refuse)) < ENDURABLE


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize(
    "tag", ["a", "node", "lrm", "node_state", "template", "group", "nodes", "node_history"]
)
def test_nesting(name: str, depth: int, tag: str) -> None:
    depth = min(depth, MOST // (2 * len(tag) + 5))
    for root in ("cib", "resources", "pacemaker-result"):
        text = f"<{root}>{nested(f'<{tag}>', '<lrm/><nvpair/>', f'</{tag}>', depth)}</{root}>"
        read_or_refused(lambda text=text: READERS[name](text), Unreadable)  # type: ignore[misc]


@pytest.mark.parametrize("name", READERS)
def test_a_mebibyte_of_small_things(name: str) -> None:
    nodes = "".join(f'<node name="n{n}" id="{n}"/>' for n in range(MOST // 30))
    pairs = "".join(f'<primitive id="p{n}" template="t{n}" class="stonith"/>' for n in range(MOST // 60))
    for inner in (
        f"<nodes>{nodes}</nodes>",
        f"<configuration>{pairs}</configuration>",
        "<a b='" + "x" * MOST + "'/>",
    ):
        for root in ("cib", "pacemaker-result"):
            text = f"<{root}>{inner}</{root}>"
            read_or_refused(lambda text=text: READERS[name](text), Unreadable)  # type: ignore[misc]


ALERTS = ("kind=attribute node=n1 attribute_name=shutdown attribute_value=1700000000 timestamp_epoch=1\n",)


@fuzzed()
@given(text=bent_text(ALERTS, ("kind=", "node=", "=", "attribute_value=0", "\n")))
def test_an_alert(text: str) -> None:
    assert isinstance(read_or_refused(lambda: goodbye_in(text)), str)


MESSAGES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        bytes.__add__,
        st.sampled_from([b"goodbye ", b"goodbyes ", b"ways ", b"gone ", b"goodbyes {", b"gone 9", b""]),
        st.one_of(
            st.binary(max_size=20),
            any_json.map(json_bytes),
            st.dictionaries(st.sampled_from(["1:2", "1", "a:b", "٣:1", "9" * 5000 + ":1"]), any_json).map(
                json_bytes
            ),
        ),
    ),
)


@fuzzed()
@given(message=MESSAGES)
def test_a_message_of_another_member(message: bytes) -> None:
    def read() -> None:
        assert isinstance(goodbye_of(message), str)
        assert all(-100 < at <= 0 for at in goodbyes_of(message, 0.0).values())
        gone = decode_gone(message)
        assert gone is None or 0 <= gone <= 60
        ways = decode_ways(GroupMessage((1, 2), message))
        assert ways is None or all(works in (True, False, None) for works in ways.values())

    read_or_refused(read)


@pytest.mark.parametrize("depth", DEEP)
def test_a_nested_message(depth: int) -> None:
    for before in (b"goodbyes ", b"ways "):
        message = before + nested('{"1:2":', "1", "}", depth).encode()
        read_or_refused(lambda m=message: (goodbyes_of(m, 0.0), decode_ways(GroupMessage((1, 2), m))))  # type: ignore[misc]

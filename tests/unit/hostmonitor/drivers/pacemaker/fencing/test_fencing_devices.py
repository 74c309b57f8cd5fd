"""Every way in which a CIB says where a BMC is (R6), and the ways that prove nothing."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Unreadable
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_agents import Takes
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import (
    FencingDevices,
    find,
    read_fencing_devices,
)
from masakarimonitors.hostmonitor.power.bmc import Address, FromScript, InFile, Literal, Speaks


def primitive(device: str, agent: str, **values: str) -> str:
    pairs = "".join(f'<nvpair id="{device}-{n}" name="{n}" value="{v}"/>' for n, v in values.items())
    attributes = f'<instance_attributes id="{device}-ia">{pairs}</instance_attributes>'
    return f'<primitive id="{device}" class="stonith" type="{agent}">{attributes}</primitive>'


def read(*parts: str) -> FencingDevices:
    return read_fencing_devices(f"<resources>{''.join(parts)}</resources>")


@pytest.mark.parametrize("agent", ["fence_ipmilan", "fence_idrac", "fence_ilo4", "fence_ilo5", "fence_imm"])
def test_r6_fence_ipmilan_and_its_other_names(agent: str) -> None:
    found = read(
        primitive("d", agent, ip="10.0.0.1", username="u", password="p", pcmk_host_list="n1", lanplus="1")
    )
    assert found.by_host["n1"] == (
        Address(device="d", speaks=Speaks.IPMI, host="10.0.0.1", user="u", secret=Literal("p")),
    )


def test_older_names_of_parameters() -> None:
    found = read(
        primitive(
            "d",
            "fence_ipmilan",
            ipaddr="b",
            login="u",
            passwd="p",
            ipport="6230",
            cipher="3",
            pcmk_host_list="n1",
        )
    )
    assert found.by_host["n1"] == (
        Address(
            device="d",
            speaks=Speaks.IPMI,
            host="b",
            user="u",
            secret=Literal("p"),
            port=6230,
            lanplus=False,
            cipher="3",
        ),
    )


def test_external_ipmi_alone_in_a_group_and_in_a_clone() -> None:
    one = primitive(
        "a", "external/ipmi", hostname="n1", ipaddr="b1", userid="u", passwd="p", interface="lanplus"
    )
    two = f'<group id="g">{primitive("b", "external/ipmi", hostname="n2", ipaddr="b2", userid="u", passwd="p")}</group>'
    three = f'<clone id="c">{primitive("c3", "external/ipmi", hostname="n3", ipaddr="b3")}</clone>'
    found = read(one, two, three)
    assert {host: (a[0].host, a[0].lanplus) for host, a in found.by_host.items()} == {
        "n1": ("b1", True),
        "n2": ("b2", False),
        "n3": ("b3", False),
    }


def test_redfish_by_map_and_systems() -> None:
    own = primitive(
        "r", "fence_redfish", ip="b", username="u", password="p", pcmk_host_map="n1:1", systems_uri="/x/1"
    )
    many = primitive(
        "m", "fence_redfish", ip="b", pcmk_host_map="n2:blade2;n3:/redfish/v1/Systems/3", ssl_insecure="1"
    )
    found = read(own, many)
    assert [a.system for host in ("n1", "n2", "n3") for a in found.by_host[host]] == [
        "/x/1",
        "/redfish/v1/Systems/blade2",
        "/redfish/v1/Systems/3",
    ]
    assert [found.by_host[host][0].verify for host in ("n1", "n2")] == [True, False]


def test_passwords_in_files_scripts_and_pacemaker_s_own_store() -> None:
    script = primitive(
        "a", "fence_ipmilan", ip="b", pcmk_host_list="n1", password_script="/s", password="unused"
    )
    older = primitive("b", "fence_ipmilan", ip="b", pcmk_host_list="n2", passwd_script="/t")
    in_file = primitive("c", "external/ipmi", ipaddr="b", hostname="n3", passwd="/f", passwd_method="file")
    stored = primitive("d", "fence_ipmilan", ip="b", pcmk_host_list="n4", password="lrm://")
    found = read(script, older, in_file, stored)
    assert [found.by_host[host][0].secret for host in ("n1", "n2", "n3", "n4")] == [
        FromScript(Path("/s")),
        FromScript(Path("/t")),
        InFile(Path("/f")),
        InFile(Path("/var/lib/pacemaker/lrm/secrets/d/password")),
    ]


def test_a_template_and_attributes_by_reference() -> None:
    template = (
        '<template id="t" class="stonith" type="fence_ipmilan"><instance_attributes id="common">'
        '<nvpair id="u" name="username" value="admin"/><nvpair id="p" name="password" value="p"/>'
        "</instance_attributes></template>"
    )
    device = (
        '<primitive id="d" template="t"><instance_attributes id="own"><nvpair id="i" name="ip" value="b"/>'
        '<nvpair id="h" name="pcmk_host_list" value="n1"/></instance_attributes></primitive>'
    )
    other = '<primitive id="e" class="stonith" type="fence_ipmilan"><instance_attributes id-ref="own"/></primitive>'
    found = read(template, device, other)
    assert [(a.device, a.user) for a in found.by_host["n1"]] == [("d", "admin"), ("e", "")]


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (primitive("d", "fence_ipmilan", ip="b", pcmk_host_list="n1 n2"), "controls one"),
        (primitive("d", "fence_ipmilan", ip="b"), "does not name its hosts"),
        (primitive("d", "fence_ipmilan", pcmk_host_list="n1"), "no address"),
        (primitive("d", "fence_ipmilan", ip="b", ipport="x", pcmk_host_list="n1"), "no number"),
        (primitive("d", "fence_ipmilan", ip="b", ipport="²", pcmk_host_list="n1"), "no number"),
        (primitive("d", "fence_ipmilan", ip="b", ipport="65536", pcmk_host_list="n1"), "no number"),
        (primitive("d", "fence_apc", ip="b", pcmk_host_list="n1"), "no BMC"),
        (primitive("d", "fence_ilo_ssh", ip="b", pcmk_host_list="n1"), "no BMC"),
        (primitive("d", "fence_redfish", ip="b", pcmk_host_list="n1 n2"), "no system for n1"),
        (primitive("d", "fence_redfish", ip="b", pcmk_host_list="n1", redfish_uri="/other"), "redfish_uri"),
        (primitive("d", "fence_ipmilan", ip="u:S3cret@b", pcmk_host_list="n1"), "holds a user name"),
        (
            primitive("d", "fence_ipmilan", ip="b", hexadecimal_kg="6b00ff", pcmk_host_list="n1"),
            "zeros inside",
        ),
        (
            primitive("d", "fence_ipmilan", ip="b", hexadecimal_kg="xyz", pcmk_host_list="n1"),
            "hexadecimal digits",
        ),
        (primitive("d", "fence_kdump", pcmk_host_list="n1"), "not even its success proves"),
        (primitive("d", "null", hostlist="n1"), "does nothing"),
    ],
)
def test_a_device_that_proves_nothing_is_named_and_not_used(device: str, words: str) -> None:
    found = read(device)
    assert not found.by_host
    assert words in found.remarks[0] and found.remarks[0].startswith("d (")
    assert "S3cret" not in repr(found)


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"target": "0x72"}, "target", "0x72"),
        ({"privlvl": "operator"}, "privilege", "operator"),
        ({"auth": "md5"}, "auth", "md5"),
        ({"cipher": "17"}, "cipher", "17"),
        ({"hexadecimal_kg": "6B657900"}, "kg", "6b657900"),
        ({"hexadecimal-kg": "0x6b6579"}, "kg", "6b6579"),
    ],
)
def test_what_changes_who_is_asked_or_how_is_handed_on(given: dict[str, str], field: str, value: str) -> None:
    found = read(primitive("d", "fence_ipmilan", ip="b", pcmk_host_list="n1", **given))
    assert getattr(found.by_host["n1"][0], field) == value


STOPPED = '<meta_attributes id="m{0}"><nvpair id="m{0}-r" name="target-role" value="{1}"/></meta_attributes>'


def disabled(device: str, role: str = "Stopped") -> str:
    one = primitive(device, "fence_ipmilan", ip=f"b-{device}", pcmk_host_list="n1")
    return one.replace("</primitive>", STOPPED.format(device, role) + "</primitive>")


TEMPLATE = (
    f'<template id="t" class="stonith" type="fence_ipmilan">{STOPPED.format("t", "Stopped")}</template>'
)
FROM_IT = (
    '<primitive id="d" template="t">{}<instance_attributes id="own"><nvpair id="i" name="ip" value="b"/>'
    '<nvpair id="h" name="pcmk_host_list" value="n1"/></instance_attributes></primitive>'
)


@pytest.mark.parametrize(
    "parts",
    [
        [disabled("d")],
        [disabled("d", "stopped")],
        [TEMPLATE, FROM_IT.format("")],
        [
            f'<group id="g">{primitive("d", "fence_ipmilan", ip="b", pcmk_host_list="n1")}'
            f"{STOPPED.format('g', 'Stopped')}</group>"
        ],
    ],
    ids=["itself", "in small letters", "its template", "its group"],
)
def test_a_disabled_device_is_no_proof_and_is_named(parts: list[str]) -> None:
    found = read(*parts)
    assert (found.by_host, found.agents) == ({}, {})
    assert found.remarks == ("d (fence_ipmilan): it is disabled (target-role=Stopped), so it fences nobody",)


@pytest.mark.parametrize(
    "parts", [[disabled("d", "Started")], [TEMPLATE, FROM_IT.format(STOPPED.format("d", "Started"))]]
)
def test_a_device_that_is_started_by_its_own_word_is_used(parts: list[str]) -> None:
    assert set(read(*parts).by_host) == {"n1"}


def test_parameters_that_depend_on_a_rule_are_not_guessed() -> None:
    device = (
        '<primitive id="d" class="stonith" type="fence_ipmilan"><instance_attributes id="a"><rule id="r" score="0"/>'
        '<nvpair id="1" name="ip" value="10.0.0.1"/></instance_attributes><instance_attributes id="b">'
        '<nvpair id="3" name="pcmk_host_list" value="n1"/></instance_attributes></primitive>'
    )
    found = read(device)
    assert not found.by_host and "depend on a rule" in found.remarks[0]


def test_plugs_with_escapes_and_several_plugs_of_one_host() -> None:
    found = read(primitive("d", "fence_redfish", ip="b", pcmk_host_map="n1:My\\ System;n2:2,3"))
    assert {host: [one.system for one in places] for host, places in found.by_host.items()} == {
        "n1": ["/redfish/v1/Systems/My System"],
        "n2": ["/redfish/v1/Systems/2", "/redfish/v1/Systems/3"],
    }


def test_which_agents_may_fence_a_host_and_what_the_least_of_them_proves() -> None:
    found = read(
        primitive("k", "fence_kdump", pcmk_host_list="N1"),
        primitive("i", "fence_ipmilan", ip="b1", pcmk_host_list="n1"),
        primitive("j", "fence_ipmilan", ip="b2", pcmk_host_list="n2"),
        disabled("off"),
    )
    assert found.agents == {"n1": ("fence_kdump", "fence_ipmilan"), "n2": ("fence_ipmilan",)}
    assert [found.proves(host).takes for host in ("n1", "N2")] == [Takes.RUN, Takes.POWER]
    anybody = read(primitive("n", "null"), primitive("i", "fence_ipmilan", ip="b1", pcmk_host_list="n1"))
    assert anybody.proves("n1").takes is Takes.NOTHING
    assert not read().proves("n1").known
    named = read(
        primitive("n", "null", hostlist="n2 n3"),
        primitive("i", "fence_ipmilan", ip="b1", pcmk_host_list="n1"),
    )
    assert [named.proves(host).off for host in ("n1", "n2")] == [True, False]


def test_what_is_no_xml_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="no XML"):
        read_fencing_devices("Could not connect to the CIB")


def test_no_password_ever_shows_itself() -> None:
    found = read(primitive("d", "fence_ipmilan", ip="b", pcmk_host_list="n1", password="s3cret"))
    assert "s3cret" not in repr(found) and "s3cret" not in str(found)


def test_the_recorded_cib_with_mixed_agents() -> None:
    tree = ElementTree.parse(Path(__file__).parents[5] / "data/pacemaker/stonith-mixed-agents-config.cib.xml")
    resources = tree.find("configuration/resources")
    assert resources is not None
    found = find(resources)
    assert {host: [(a.device, a.speaks.value) for a in where] for host, where in found.by_host.items()} == {
        "n2": [("stonith-n2-ipmi", "ipmi")],
        "n3": [("fence-n3-ipmilan", "ipmi")],
        "n1": [("fence-n1-redfish", "redfish")],
    }
    assert [remark.split(" ")[0] for remark in found.remarks] == ["fence-all"]


def test_an_ipmi_device_of_several_hosts_may_switch_off_another_one() -> None:
    found = read(primitive("d", "fence_ipmilan", ip="b", pcmk_host_list="N1 n2"))
    assert set(found.wrong_hosts) == {"n1", "n2"} and "d: it names 2 hosts" in found.wrong_hosts["n1"]
    passed_on = read(
        primitive("d", "fence_ipmilan", ip="b", pcmk_host_map="n1:b1;n2:b2", pcmk_host_argument="ip")
    )
    assert passed_on.wrong_hosts == {}, "each host's own BMC is named by its plug"
    two_names = read(primitive("d", "fence_ipmilan", ip="b", pcmk_host_list="n1 n1.example"))
    assert two_names.wrong_hosts == {}, "it is one host"
    one_each = read(primitive("d", "fence_redfish", ip="b", pcmk_host_map="n1:1;n2:2"))
    assert one_each.wrong_hosts == {}

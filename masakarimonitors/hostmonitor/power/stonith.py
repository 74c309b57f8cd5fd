"""Where each host's BMC is, read from the stonith resources of a Pacemaker CIB.

In: the CIB's `<resources>` as an element tree. Out: addresses by host, and a remark for each device
that could not be understood. Pure: files and scripts with passwords are named here, read elsewhere.
Parameter names are those of the fence agents (fence-agents 4.12) and of external/ipmi
(cluster-glue 1.0.12).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from masakarimonitors.hostmonitor.power.bmc import Address, Speaks
from masakarimonitors.hostmonitor.power.secret import FromScript, InFile, Literal, Secret

# fence_ipmilan under its other names; those of the second set speak lanplus unless told otherwise.
_IPMI_PLAIN = {"fence_ipmilan", "fence_idrac", "fence_imm"}
_IPMI_PLUS = {"fence_ipmilanplus", "fence_ilo3", "fence_ilo4", "fence_ilo5", "fence_ilo6"}
_YES = {"1", "yes", "true", "on", ""}
# Where pacemaker keeps a parameter whose value in the CIB is "lrm://" (crm_resource/cibsecret).
_CIB_SECRETS = Path("/var/lib/pacemaker/lrm/secrets")


@dataclass(frozen=True, slots=True)
class Found:
    """What the CIB says about BMCs: addresses by host, remarks about devices that prove nothing."""

    by_host: Mapping[str, tuple[Address, ...]]
    remarks: tuple[str, ...] = ()


def find(resources: Element) -> Found:
    """Every BMC of every stonith resource: alone, in a group, cloned, or made from a template."""
    templates = {t.get("id", ""): t for t in resources.iter("template")}
    named = {
        e.get("id", ""): e
        for tag in ("instance_attributes", "nvpair")
        for e in resources.iter(tag)
        if e.get("id")
    }
    by_host: dict[str, tuple[Address, ...]] = {}
    remarks = []
    for primitive in resources.iter("primitive"):
        template = templates.get(primitive.get("template", ""))
        source = primitive if primitive.get("class") else template
        if source is None or source.get("class") != "stonith":
            continue
        values = {**(_values(template, named) if template is not None else {}), **_values(primitive, named)}
        device, agent = primitive.get("id", "?"), source.get("type", "")
        hosts = _hosts(values)
        address = _address(device, agent, values)
        if isinstance(address, str):
            remarks.append(f"{device} ({agent}): {address}")
        elif not hosts:
            remarks.append(
                f"{device} ({agent}): it does not name its hosts (pcmk_host_list or pcmk_host_map)"
            )
        elif len(hosts) > 1 and address.speaks is Speaks.IPMI:
            # One IPMI BMC controls one machine: which of these it is cannot be told, so it proves nothing.
            remarks.append(f"{device} ({agent}): it names {len(hosts)} hosts, but an IPMI BMC controls one")
        else:
            for host, plug in hosts.items():
                mine = _for_plug(address, plug, single=len(hosts) == 1)
                if mine is None:
                    remarks.append(f"{device} ({agent}): it names several hosts and no system for {host}")
                else:
                    by_host[host] = (*by_host.get(host, ()), mine)
    return Found(by_host, tuple(remarks))


def _values(element: Element, named: Mapping[str, Element]) -> dict[str, str]:
    values: dict[str, str] = {}
    for attributes in element.findall("instance_attributes"):
        attributes = named.get(attributes.get("id-ref", ""), attributes)
        for pair in attributes.findall("nvpair"):
            pair = named.get(pair.get("id-ref", ""), pair)
            values.setdefault(pair.get("name", "").replace("-", "_"), pair.get("value", ""))
    return values


def _hosts(values: Mapping[str, str]) -> dict[str, str]:
    """Host -> plug, as pacemaker reads pcmk_host_map ("n1:1;n2:2,3"), pcmk_host_list ("n1 n2"), hostname."""
    hosts: dict[str, str] = {}
    for entry in re.split(r"[;\s]+", values.get("pcmk_host_map", "")):
        name, colon, plug = entry.partition(":")
        if name and colon:
            hosts[name] = plug
    names = values.get("pcmk_host_list", "") if "pcmk_host_list" in values else values.get("hostname", "")
    for name in re.split(r"[;,\s]+", names):
        if name:
            hosts.setdefault(name, "")
    return hosts


def _address(device: str, agent: str, values: Mapping[str, str]) -> Address | str:
    """The device's BMC, or in words why it has none that we can ask."""
    host = _first(values, "ip", "ipaddr")
    port = _first(values, "ipport", "ip_port") or "0"
    if agent == "fence_redfish":
        speaks = Speaks.REDFISH
    elif agent in _IPMI_PLAIN | _IPMI_PLUS or agent == "external/ipmi":
        speaks = Speaks.IPMI
    else:
        return "this agent has no BMC that could be asked for the power state"
    if not host:
        return "it has no address (ip or ipaddr)"
    if not port.isdigit():
        return f"its port {port!r} is no number"
    if agent == "external/ipmi":
        lanplus = values.get("interface", "lan") == "lanplus"
    else:
        lanplus = values.get("lanplus", "1" if agent in _IPMI_PLUS else "0").lower() in _YES
    return Address(
        device,
        speaks,
        host,
        _first(values, "username", "login", "userid"),
        _secret(device, agent, values),
        int(port),
        lanplus,
        _first(values, "cipher"),
        _first(values, "systems_uri"),
        values.get("ssl", "1").lower() in _YES or values.get("ssl_secure", "0").lower() in _YES,
        values.get("ssl_insecure", "0").lower() not in _YES,
    )


def _secret(device: str, agent: str, values: Mapping[str, str]) -> Secret:
    script = _first(values, "password_script", "passwd_script")
    if script:
        return FromScript(Path(script))
    name = next((name for name in ("password", "passwd") if values.get(name)), "")
    value = values.get(name, "")
    if value.startswith("lrm://"):
        return InFile(_CIB_SECRETS / device / name)
    if agent == "external/ipmi" and values.get("passwd_method") == "file":
        return InFile(Path(value))
    return Literal(value)


def _for_plug(address: Address, plug: str, *, single: bool) -> Address | None:
    """The address for one host of a device that may control several by Redfish system."""
    if single:
        return address
    if not plug or address.system:
        return None
    system = plug if plug.startswith("/") else f"/redfish/v1/Systems/{plug}"
    return replace(address, system=system)


def _first(values: Mapping[str, str], *names: str) -> str:
    return next((values[name] for name in names if values.get(name)), "")

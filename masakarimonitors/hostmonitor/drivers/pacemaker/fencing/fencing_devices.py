"""The reader of Pacemaker's fencing devices: where each host's BMC is, by the stonith resources of a CIB.

In: the CIB's `<resources>` as text. Out: addresses by host, the agents that may fence it, and a remark for each
device that proves nothing by its BMC (whether two hosts name one BMC is left to the prover, which knows them all). No
file is opened and no script run: those with passwords are only named here. Parameter names are those of the fence
agents (fence-agents 4.12) and of external/ipmi (cluster-glue 1.0.12). A parameter that changes who is asked, or how,
is handed on, or its device is not used.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Unreadable, is_number
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_agents import (
    Proves,
    weakest,
    what_it_proves,
)
from masakarimonitors.hostmonitor.power.bmc import (
    REDFISH_ROOT,
    Address,
    FromScript,
    InFile,
    Literal,
    Secret,
    Speaks,
)
from masakarimonitors.hostmonitor.power.redact import holds_login
from masakarimonitors.system.files.xml_text import read_xml

# fence_ipmilan under its other names; those of the second set speak lanplus unless told otherwise.
_IPMI_PLAIN = {"fence_ipmilan", "fence_idrac", "fence_imm"}
_IPMI_PLUS = {"fence_ipmilanplus", "fence_ilo3", "fence_ilo4", "fence_ilo5", "fence_ilo6"}
_YES = {"1", "yes", "true", "on", ""}
# Where pacemaker keeps a parameter whose value in the CIB is "lrm://" (crm_resource/cibsecret).
_CIB_SECRETS = Path("/var/lib/pacemaker/lrm/secrets")


@dataclass(frozen=True, slots=True)
class FencingDevices:
    """What the CIB says about BMCs: addresses by host, remarks about devices that prove nothing by theirs.

    `agents`: those of the enabled devices that name a host, by the host in lower case; under "" those of devices that
    name no host and may fence any. `wrong_hosts`: by the host in lower case, why a device that names it may have
    switched off another one.
    """

    by_host: Mapping[str, tuple[Address, ...]]
    remarks: tuple[str, ...] = ()
    agents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wrong_hosts: Mapping[str, str] = field(default_factory=dict)

    def proves(self, host: str) -> Proves:
        """What a success of fencing `host` is worth, of which it is not known by which of its devices it was."""
        return weakest((*self.agents.get(host.lower(), ()), *self.agents.get("", ())))


def read_fencing_devices(text: str) -> FencingDevices:
    """Read what `cibadmin --query --scope resources` printed. Raises `Unreadable`."""
    try:
        return find(read_xml(text))
    except ValueError as fault:
        raise Unreadable(f"cibadmin printed no XML ({fault})") from None


def find(resources: Element) -> FencingDevices:
    """Every BMC of every stonith resource: alone, in a group, cloned, or made from a template."""
    templates = {t.get("id", ""): t for t in resources.iter("template")}
    named = {
        e.get("id", ""): e
        for tag in ("instance_attributes", "meta_attributes", "nvpair")
        for e in resources.iter(tag)
        if e.get("id")
    }
    disabled = {id(one) for one in _disabled(resources, named)}
    found = _Found()
    for primitive in resources.iter("primitive"):
        template = templates.get(primitive.get("template", ""))
        source = primitive if primitive.get("class") else template
        if source is None or source.get("class") != "stonith":
            continue
        device, agent = primitive.get("id", "?"), source.get("type", "")
        try:
            parts = (template, primitive) if template is not None else (primitive,)
            if any(id(part) in disabled for part in parts) and not _says_started(primitive, named):
                raise _NotUsed("it is disabled (target-role=Stopped), so it fences nobody")
            values = {name: value for part in parts for name, value in _values(part, named).items()}
            found.add(device, agent, values)
        except _NotUsed as why:
            found.remarks.append(f"{device} ({agent}): {why}")
    return FencingDevices(found.by_host, tuple(found.remarks), found.agents, found.wrong_hosts)


class _NotUsed(Exception):
    """A device that proves nothing by its BMC; why, in a clause."""


class _Found:
    """What was found so far."""

    def __init__(self) -> None:
        self.by_host: dict[str, tuple[Address, ...]] = {}
        self.agents: dict[str, tuple[str, ...]] = {}
        self.wrong_hosts: dict[str, str] = {}
        self.remarks: list[str] = []

    def add(self, device: str, agent: str, values: Mapping[str, str]) -> None:
        """Take one enabled device over; raises _NotUsed."""
        hosts = _hosts(values)
        for host in {name.lower() for name in hosts} or {""}:
            self.agents[host] = (*self.agents.get(host, ()), agent)
        address = _address(device, agent, values)
        if not hosts:
            raise _NotUsed("it does not name its hosts (pcmk_host_list or pcmk_host_map)")
        if len(hosts) > 1 and address.speaks is Speaks.IPMI:
            # One IPMI BMC controls one host: which of these it is cannot be told, so it proves nothing.
            why = f"it names {len(hosts)} hosts, but an IPMI BMC controls one"
            # Unless they are names of one host, or each has its own BMC, whose address is its plug.
            several = len({host.lower().partition(".")[0] for host in hosts}) > 1
            if several and "pcmk_host_argument" not in values:
                self.wrong_hosts.update(dict.fromkeys((host.lower() for host in hosts), f"{device}: {why}"))
            raise _NotUsed(why)
        for host, plug in hosts.items():
            found = _for_plugs(address, plug, single=len(hosts) == 1)
            if not found:
                self.remarks.append(f"{device} ({agent}): it names several hosts and no system for {host}")
            else:
                self.by_host[host] = (*self.by_host.get(host, ()), *found)


def _disabled(resources: Element, named: Mapping[str, Element]) -> Iterator[Element]:
    """Resources whose own target-role is Stopped, and all within them: a group hands it on to its members."""
    for tag in ("primitive", "template", "group", "clone", "master", "bundle"):
        for one in resources.iter(tag):
            if _meta(one, named).get("target-role", "").lower() == "stopped":
                yield one
                yield from one.iter("primitive")


def _says_started(primitive: Element, named: Mapping[str, Element]) -> bool:
    """Whether the device's own word overrules that of its template or group."""
    return _meta(primitive, named).get("target-role", "").lower() in (
        "started",
        "master",
        "promoted",
        "slave",
    )


def _meta(element: Element, named: Mapping[str, Element]) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for attributes in element.findall("meta_attributes"):
        attributes = named.get(attributes.get("id-ref", ""), attributes)
        for pair in attributes.findall("nvpair"):
            pair = named.get(pair.get("id-ref", ""), pair)
            values.setdefault(pair.get("name", ""), pair.get("value", ""))
    return values


def _values(element: Element, named: Mapping[str, Element]) -> dict[str, str]:
    values: dict[str, str] = {}
    for attributes in element.findall("instance_attributes"):
        attributes = named.get(attributes.get("id-ref", ""), attributes)
        if attributes.find("rule") is not None:
            raise _NotUsed("its parameters depend on a rule, which only Pacemaker can judge")
        for pair in attributes.findall("nvpair"):
            pair = named.get(pair.get("id-ref", ""), pair)
            values.setdefault(pair.get("name", "").replace("-", "_"), pair.get("value", ""))
    return values


def _hosts(values: Mapping[str, str]) -> dict[str, str]:
    """Host -> plug, as pacemaker reads pcmk_host_map ("n1:1;n2:2,3"), pcmk_host_list ("n1 n2"), and devices their own.

    A backslash before a character of a plug takes it as it is (Pacemaker 2.0.5 to 3.0.1: "n1:My\\ System").
    """
    hosts: dict[str, str] = {}
    for entry in re.findall(r"(?:\\.|[^;\s\\])+", values.get("pcmk_host_map", "")):
        name, colon, plug = entry.partition(":")
        if name and colon:
            hosts[name] = re.sub(r"\\(.)", r"\1", plug)
    # hostname is external/ipmi's own, hostlist that of cluster-glue's other devices (null, ssh, meatware).
    given = next((name for name in ("pcmk_host_list", "hostlist", "hostname") if name in values), "")
    for name in re.split(r"[;,\s]+", values.get(given, "")):
        if name:
            hosts.setdefault(name, "")
    return hosts


def _address(device: str, agent: str, values: Mapping[str, str]) -> Address:
    """The device's BMC; raises _NotUsed with the words for why it has none that we can ask."""
    host = _first(values, "ip", "ipaddr")
    port = _first(values, "ipport", "ip_port") or "0"
    if agent == "fence_redfish":
        speaks = Speaks.REDFISH
    elif agent in _IPMI_PLAIN | _IPMI_PLUS or agent == "external/ipmi":
        speaks = Speaks.IPMI
    else:
        proves = what_it_proves(agent)
        worth = (
            "its success counts as off" if proves.off else "not even its success proves that a host is off"
        )
        raise _NotUsed(
            f"this agent has no BMC that could be asked for the power state, and {worth}: {proves.why}"
        )
    if not host:
        raise _NotUsed("it has no address (ip or ipaddr)")
    if holds_login(host):
        raise _NotUsed(
            "its address holds a user name or a password, which belong into parameters of their own"
        )
    if not is_number(port) or int(port) > 65535:
        raise _NotUsed(f"its port {port[:40]!r} is no number of a port")
    root = values.get("redfish_uri", "").rstrip("/")
    if root not in ("", REDFISH_ROOT.rstrip("/")) and not values.get("systems_uri"):
        raise _NotUsed(f"its redfish_uri is not {REDFISH_ROOT}: name its systems_uri as well")
    if agent == "external/ipmi":
        lanplus = values.get("interface", "lan") == "lanplus"
    else:
        lanplus = values.get("lanplus", "1" if agent in _IPMI_PLUS else "0").lower() in _YES
    return Address(
        device=device,
        speaks=speaks,
        host=host,
        user=_first(values, "username", "login", "userid"),
        secret=_secret(device, agent, values),
        port=int(port),
        lanplus=lanplus,
        cipher=_first(values, "cipher"),
        system=_first(values, "systems_uri"),
        tls=values.get("ssl", "1").lower() in _YES or values.get("ssl_secure", "0").lower() in _YES,
        verify=values.get("ssl_insecure", "0").lower() not in _YES,
        target=_first(values, "target"),
        privilege=_first(values, "privlvl", "priv"),
        auth=_first(values, "auth"),
        kg=_kg(_first(values, "hexadecimal_kg")),
    )


def _kg(digits: str) -> str:
    """A BMC key as it can be handed to ipmitool by environment: one that holds zeros inside cannot."""
    try:
        key = bytes.fromhex(digits.removeprefix("0x"))
    except ValueError:
        raise _NotUsed("its hexadecimal_kg is no even number of hexadecimal digits") from None
    if b"\0" in key.rstrip(b"\0"):
        raise _NotUsed(
            "its hexadecimal_kg has zeros inside: only a command line could carry it, where all can read it"
        )
    return key.hex()


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


def _for_plugs(address: Address, plugs: str, *, single: bool) -> tuple[Address, ...]:
    """The addresses for one host of a device that may control several by Redfish system; each plug is one."""
    if single:
        return (address,)
    if not plugs or address.system:
        return ()
    systems = [
        plug if plug.startswith("/") else f"{REDFISH_ROOT}Systems/{plug}" for plug in plugs.split(",") if plug
    ]
    return tuple(replace(address, system=system) for system in systems)


def _first(values: Mapping[str, str], *names: str) -> str:
    return next((values[name] for name in names if values.get(name)), "")

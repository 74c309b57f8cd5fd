"""The `consul` driver: one Consul datacentre for each network between the hosts.

In: `[consul]` and the environment that Consul's own tools read. Out: a `Driver`, wired: one source
for each datacentre, independent of each other, and the election of the one monitor that reports.
"""

import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault
from masakarimonitors.hostmonitor import matrix, matrix_file
from masakarimonitors.hostmonitor.driver import Driver
from masakarimonitors.hostmonitor.sources.consul_agent import Access, parse_address
from masakarimonitors.hostmonitor.sources.consul_datacentre import Datacentre, Rhythm, Sight
from masakarimonitors.hostmonitor.sources.consul_reporter import ReporterOffice, Terms
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

_FALSE = ("0", "f", "false", "no", "off")


def build(conf: cfg.ConfigOpts, own: str, clock: Clock) -> Driver:
    """Read `[consul]`; `own` is this node's name, in masakari and in Consul.

    Raises ConfigFault for an address, a file or a matrix that cannot be used.
    """
    judged = _matrix(conf)
    agents = {link: access_to(conf, link, os.environ) for link in judged.sequence}
    for (link, access), (other, same) in itertools.combinations(agents.items(), 2):
        if access.address == same.address:
            raise ConfigFault(
                f"[consul] agent_{link} and agent_{other} are the same agent, {access.address}: then one "
                "failed network would count as two. Give each datacentre's own agent, or shorten the matrix."
            )
    sight = Sight()
    # The resync: a blocking query answers after this time even when nothing has changed.
    rhythm = Rhythm(wait=min(float(conf.host.monitoring_interval), 600.0))
    sources: list[Datacentre | ReporterOffice] = [
        Datacentre(link, access, own, clock, sight, rhythm) for link, access in agents.items()
    ]
    if conf.host.reporter == "all":
        return Driver("consul", judged, sources)
    first = judged.sequence[0]
    prefix = conf.consul.kv_prefix.strip("/") + "/"
    office = ReporterOffice(first, agents[first], own, clock, sight, prefix=prefix, terms=Terms())
    return Driver("consul", judged, [*sources, office], effects=office, elected=True)


def _matrix(conf: cfg.ConfigOpts) -> matrix.Matrix:
    path = conf.consul.matrix_config_file
    if not path:
        configured = [link for link in matrix.CLASSIC_SEQUENCE if conf.consul[f"agent_{link}"]]
        if not configured:
            raise ConfigFault(
                "[consul] names no agent: with monitoring_driver = consul at least one of agent_manage, "
                "agent_tenant, agent_storage is needed, the address of this machine's agent (127.0.0.1:8500)."
            )
        judged = matrix.default(configured)
    else:
        try:
            reading = matrix_file.parse(Path(path).read_text(encoding="utf-8"))
        except OSError as fault:
            raise ConfigFault(
                f"[consul] matrix_config_file = {path} cannot be read: {fault.strerror}."
            ) from fault
        except UnicodeDecodeError as fault:
            raise ConfigFault(f"[consul] matrix_config_file = {path} is not UTF-8 text: {fault}.") from fault
        except matrix_file.MatrixFault as fault:
            faults = "".join(f"\n  {path}, {one}" for one in fault.faults)
            raise ConfigFault(
                f"[consul] matrix_config_file cannot be used; nothing is guessed, so mend it:{faults}"
            ) from fault
        for warning in reading.warnings:
            LOG.warning("%s: %s", path, warning)
        judged = reading.matrix
    if judged.never_recovers:
        LOG.warning(
            "No combination of the networks %s calls for recovery, so no host will ever be reported. Name "
            "agent_storage, or say in matrix_config_file what shall be recovered.",
            ", ".join(judged.sequence),
        )
    return judged


def access_to(conf: cfg.ConfigOpts, link: str, environment: Mapping[str, str]) -> Access:
    """How the agent of one datacentre is spoken to; raises ConfigFault. Options win over the environment."""
    text = _option(conf, f"agent_{link}")
    if not text:
        raise ConfigFault(
            f"[consul] agent_{link} is missing, but the matrix's sequence names the datacentre {link!r}: give "
            "the address of this machine's agent there, or take it out of the matrix."
        )
    secure = environment.get("CONSUL_HTTP_SSL", "").lower() not in ("", *_FALSE)
    try:
        address = parse_address(text, secure=secure)
    except ValueError as fault:
        raise ConfigFault(
            f"[consul] agent_{link} = {text} cannot be understood: {fault}. Expected is host:port, [v6]:port, "
            "http(s)://host:port or unix:///path."
        ) from fault

    def setting(name: str, variable: str) -> str:
        """For this datacentre, for all of them, from the environment: the first that is given."""
        value = _option(conf, f"{name}_{link}") or conf.consul[name] or environment.get(variable, "")
        return str(value).strip()

    access = Access(
        address=address,
        token=setting("token", "CONSUL_HTTP_TOKEN"),
        token_file=_token_file(conf, link, environment),
        cafile=setting("cafile", "CONSUL_CACERT"),
        capath=environment.get("CONSUL_CAPATH", ""),
        certfile=setting("certfile", "CONSUL_CLIENT_CERT"),
        keyfile=setting("keyfile", "CONSUL_CLIENT_KEY"),
        verify=_verify(conf, link, environment),
        server_name=setting("tls_server_name", "CONSUL_TLS_SERVER_NAME") if address.secure else "",
    )
    files: Sequence[tuple[str, str]] = [("token_file", access.token_file)]
    if address.secure:
        files = [
            *files,
            ("cafile", access.cafile),
            ("certfile", access.certfile),
            ("keyfile", access.keyfile),
        ]
    for name, path in files:
        if path and not os.access(path, os.R_OK):
            raise ConfigFault(
                f"[consul] {name} = {path} (for the datacentre {link}) cannot be read by uid {os.geteuid()}."
            )
    return access


def _token_file(conf: cfg.ConfigOpts, link: str, environment: Mapping[str, str]) -> str:
    """The nearest of the settings wins: a datacentre's own token must not lose to everybody's token file."""
    if own := _option(conf, f"token_file_{link}"):
        return str(own)
    if _option(conf, f"token_{link}"):
        return ""
    if everybodys := conf.consul.token_file:
        return str(everybodys)
    return "" if conf.consul.token else environment.get("CONSUL_HTTP_TOKEN_FILE", "")


def _verify(conf: cfg.ConfigOpts, link: str, environment: Mapping[str, str]) -> bool:
    for value in (_option(conf, f"verify_{link}", cfg.BoolOpt), conf.consul.verify):
        if value is not None:
            return bool(value)
    return environment.get("CONSUL_HTTP_SSL_VERIFY", "").lower() not in _FALSE


def _option(conf: cfg.ConfigOpts, name: str, kind: type[cfg.Opt] = cfg.StrOpt) -> Any:
    """An option whose name contains a datacentre's, so that it could not be registered before."""
    if name not in conf.consul:
        conf.register_opt(kind(name, secret=name.startswith("token_")), group="consul")
    try:
        return conf.consul[name]
    except ValueError as fault:
        raise ConfigFault(f"[consul] {name} is not valid: {fault}.") from fault

"""`[consul]`: the agents that the Consul driver asks, one for each network."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    "consul",
    title="Watching hosts with Consul",
    help="One Consul datacentre for each network between the hosts. Only datacentres whose agent is named "
    "here are looked at.",
)

_AGENT = (
    "Address of this host's own Consul agent in the datacentre of the {} network: host:port as the "
    "agent's bind_addr and http port say, 192.168.101.1:8500 for example; an IPv6 address in brackets; an "
    "http:// or https:// URL; or unix:// and the path of the agent's socket. Unset: that network is not "
    "watched. A further datacentre that the matrix names, 'backup' say, is agent_backup."
)
_EACH = " {} and the datacentre's name, {}_storage for example, is for that datacentre alone."

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt("agent_manage", help=_AGENT.format("management")),
    cfg.StrOpt("agent_tenant", help=_AGENT.format("tenant")),
    cfg.StrOpt("agent_storage", help=_AGENT.format("storage")),
    cfg.StrOpt(
        "matrix_config_file",
        help="YAML file that says which combination of reachable networks calls for recovery. Unset: "
        "recovery when the storage network is down, because an instance that lost its disks is of no use "
        "wherever it runs. At most eight networks.",
    ),
    cfg.StrOpt(
        "token",
        secret=True,
        help="ACL token for every agent. It must be allowed to read nodes (node_prefix), and, where one "
        "reporter is elected, to write the keys below kv_prefix and sessions (session_prefix). Unset: "
        "CONSUL_HTTP_TOKEN of the environment, or no token." + _EACH.format("token", "token"),
    ),
    cfg.StrOpt(
        "token_file",
        help="File that holds the token, the SecretID alone; read again whenever it changes, so that a token can "
        "be rotated without a restart. It wins over token. Unset: CONSUL_HTTP_TOKEN_FILE of the environment."
        + _EACH.format("token_file", "token_file"),
    ),
    cfg.StrOpt(
        "cafile",
        help="PEM file of the authorities whose signature on an https agent's certificate is trusted. Unset: "
        "CONSUL_CACERT or CONSUL_CAPATH of the environment, or the system's."
        + _EACH.format("cafile", "cafile"),
    ),
    cfg.StrOpt(
        "certfile",
        help="PEM file of this client's own certificate, where agents ask for one (verify_incoming). Unset: "
        "CONSUL_CLIENT_CERT of the environment, or none." + _EACH.format("certfile", "certfile"),
    ),
    cfg.StrOpt(
        "keyfile",
        help="PEM file of the key that belongs to certfile. Unset: CONSUL_CLIENT_KEY of the environment, or "
        "the key in certfile." + _EACH.format("keyfile", "keyfile"),
    ),
    cfg.BoolOpt(
        "verify",
        help="Whether an https agent's certificate is checked. Unset: CONSUL_HTTP_SSL_VERIFY of the "
        "environment, or true. Without the check anybody on the way can forge a host's death."
        + _EACH.format("verify", "verify"),
    ),
    cfg.StrOpt(
        "tls_server_name",
        help="The name that an https agent's certificate must carry, where it is not the one in the address. "
        "Unset: CONSUL_TLS_SERVER_NAME of the environment, or the address."
        + _EACH.format("tls_server_name", "tls_server_name"),
    ),
    cfg.StrOpt(
        "kv_prefix",
        default="masakari-monitors/hostmonitor/",
        help="Where in the key-value store of the first datacentre the monitors elect who reports. All "
        "monitors of one cloud must agree on it.",
    ),
]

OPEN_NAMES = (
    "agent_*",
    "token_*",
    "token_file_*",
    "cafile_*",
    "certfile_*",
    "keyfile_*",
    "verify_*",
    "tls_server_name_*",
)
"""Further datacentres are named by the matrix's sequence, so their options cannot be listed here."""

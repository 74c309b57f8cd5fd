"""Every option of this project in one list: for registering, for the sample file, for the reference."""

from oslo_config import cfg

from masakarimonitors.conf import (
    api,
    callback,
    consul,
    default,
    host,
    introspectiveinstancemonitor,
    kubernetes,
    libvirt,
    privileged,
    process,
    receiver,
    status,
)

SECTIONS = (
    default,
    api,
    callback,
    consul,
    host,
    introspectiveinstancemonitor,
    kubernetes,
    libvirt,
    privileged,
    process,
    receiver,
    status,
)


def register(conf: cfg.ConfigOpts) -> None:
    """Register everything but the options of the authentication plugin, which is known only after parsing."""
    for section in SECTIONS:
        if section is not default:
            # A group object remembers what was registered in it, so each configuration gets one of its own.
            conf.register_group(cfg.OptGroup(section.GROUP.name, section.GROUP.title, section.GROUP.help))
        conf.register_opts(section.OPTIONS, group=None if section is default else section.GROUP.name)
    api.register(conf)


def open_names() -> dict[str, tuple[str, ...]]:
    """By section: patterns of option names that cannot be listed, because operators invent them."""
    return {s.GROUP.name: s.OPEN_NAMES for s in SECTIONS if hasattr(s, "OPEN_NAMES")}


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """What oslo-config-generator asks for: every section with its options."""
    return [(s.GROUP, api.shown_options() if s is api else list(s.OPTIONS)) for s in SECTIONS]

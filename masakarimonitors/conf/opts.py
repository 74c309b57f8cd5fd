"""Every option of this project in one list: for registering, for the sample file, for the reference."""

from collections.abc import Sequence
from dataclasses import dataclass

from oslo_config import cfg

from masakarimonitors.conf.sections import (
    api,
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
    web,
)


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the files: what it is, its options, and patterns of names that operators invent."""

    group: cfg.OptGroup
    options: Sequence[cfg.Opt]
    open_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it stands between the brackets."""
        return str(self.group.name)


SECTIONS = (
    Section(default.GROUP, default.OPTIONS),
    Section(api.GROUP, api.OPTIONS),
    Section(api.CALLBACK_GROUP, api.CALLBACK_OPTIONS),
    Section(consul.GROUP, consul.OPTIONS, consul.OPEN_NAMES),
    Section(host.GROUP, host.OPTIONS),
    Section(introspectiveinstancemonitor.GROUP, introspectiveinstancemonitor.OPTIONS),
    Section(kubernetes.GROUP, kubernetes.OPTIONS),
    Section(libvirt.GROUP, libvirt.OPTIONS),
    Section(privileged.GROUP, privileged.OPTIONS),
    Section(process.GROUP, process.OPTIONS),
    Section(receiver.GROUP, receiver.OPTIONS),
    Section(status.GROUP, status.OPTIONS),
    Section(web.GROUP, web.OPTIONS),
)


def register(conf: cfg.ConfigOpts) -> None:
    """Register everything but the options of the authentication plugin, which is known only after parsing."""
    for section in SECTIONS:
        group = None if section.name == "DEFAULT" else section.name
        if group:
            # A group object remembers what was registered in it, so each configuration gets one of its own.
            conf.register_group(cfg.OptGroup(group, section.group.title, section.group.help))
        conf.register_opts(section.options, group=group)
    api.register(conf)


def open_names() -> dict[str, tuple[str, ...]]:
    """By section: patterns of option names that cannot be listed, because operators invent them."""
    return {section.name: section.open_names for section in SECTIONS}


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """What oslo-config-generator asks for: every section with its options."""
    return [(s.group, api.shown_options() if s.group is api.GROUP else list(s.options)) for s in SECTIONS]

"""What a configuration says that nobody reads: misspelt options, unknown sections, older names.

oslo.config ignores what it does not know, so a misspelt option silently keeps its default. Every
file is read again here, line by line; each finding names the nearest real name, file and line.
Sections and options of oslo libraries are never spoken of: they are owned elsewhere.
"""

import difflib
import fnmatch
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oslo_config import cfg

from masakarimonitors.conf import files, log, opts
from masakarimonitors.conf.faults import names_of
from masakarimonitors.conf.sections import api
from masakarimonitors.conf.sections.host import OWN_DRIVERS

_LOG = logging.getLogger(__name__)

OWNED_SECTIONS = (
    *(
        "cache",
        "coordination",
        "cors",
        "cors.*",
        "database",
        "healthcheck",
        "keystone_authtoken",
        "matchmaker_redis",
    ),
    *(
        "oslo_*",
        "osprofiler",
        "paste_deploy",
        "privsep",
        "privsep_*",
        "profiler",
        "profiler_*",
        "quota",
        "service_auth",
    ),
    *("service_user", "ssl", "wsgi"),
)
"""Sections that oslo and keystone libraries own, in any OpenStack service's file."""

OWNED_OPTIONS = {
    "DEFAULT": frozenset(
        (
            *("backdoor_port", "backdoor_socket", "conn_pool_min_size", "conn_pool_ttl", "control_exchange"),
            *(
                "config_dir",
                "config_file",
                "config_source",
                "disable_process_locking",
                "executor_thread_pool_size",
            ),
            *("fatal_deprecations", "graceful_shutdown_timeout", "lock_path", "log_options"),
            *("max_request_body_size", "osapi_max_request_body_size", "rpc_backend", "rpc_conn_pool_size"),
            *("rpc_ping_enabled", "rpc_response_timeout", "run_external_periodic_tasks", "transport_url"),
        )
    )
}
"""Options that oslo libraries own in a section that we own too."""

_GONE_FROM_LIBRARIES = {
    ("DEFAULT", "use_eventlog"): "it was for Windows, and oslo.log has it no more",
    (
        "DEFAULT",
        "watch_log_file",
    ): "oslo.log has it no more; whoever rotates the log has to keep its file (copytruncate)",
}
"""What the samples of OpenStack's own monitors still name. Where the installed library has it, it is known and kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing in one line of a file that does not do what its author meant.

    `ignored`: nobody reads it; an older name is read. `section`: that of the line; `opens`: the line only opens it.
    """

    file: str
    line: int
    text: str
    section: str
    ignored: bool = True
    opens: bool = False

    def __str__(self) -> str:
        """As it is logged and printed."""
        return f"{self.file}, line {self.line}: {self.text}"


def remarks(conf: cfg.ConfigOpts, *, driver_loaded: bool = False) -> list[Remark]:
    """Everything in the loaded files that is not read, and older names, in file order.

    A third-party host driver declares its own options when it is loaded (`driver_loaded`): until then, a section
    that is not known may be its own, and nothing is said of it.
    """
    known, older = names(conf)
    patient = not driver_loaded and conf.host.monitoring_driver not in OWN_DRIVERS
    found = []
    for setting in files.read(files.loaded(conf)):
        section = setting.section
        if section not in known:
            if setting.name is None and not patient and not is_others(conf, section) and section not in conf:
                hint = _nearest(section, known)
                text = f"unknown section [{section}] is ignored{hint}"
                found.append(_remark(setting, text, opens=True))
            continue
        if setting.name is None:
            continue
        name = setting.name
        if name in known[section]:
            newer = older.get((section, name))
            if newer:
                text = f"[{section}] {setting.name} is an older name and still works; its name is now {newer}"
                found.append(_remark(setting, text, ignored=False))
        elif not is_read_elsewhere(conf, section, name):
            hint = unfit(section, name) or _nearest(name, known[section]) or _elsewhere(name, known)
            text = f"unknown option [{section}] {setting.name} is ignored{hint}"
            found.append(_remark(setting, text))
    return found


def _remark(setting: files.Setting, text: str, *, ignored: bool = True, opens: bool = False) -> Remark:
    return Remark(
        file=setting.file,
        line=setting.line,
        text=text,
        section=setting.section,
        ignored=ignored,
        opens=opens,
    )


def warn(conf: cfg.ConfigOpts) -> None:
    """Log every remark as a warning; called once, after the log is set up."""
    for remark in remarks(conf):
        _LOG.warning("Configuration: %s", remark)


def warn_of_sections(conf: cfg.ConfigOpts) -> None:
    """Log what could not be said before a third-party host driver was loaded; nothing with one of our own."""
    before = set(remarks(conf))
    for remark in remarks(conf, driver_loaded=True):
        if remark not in before:
            _LOG.warning("Configuration: %s", remark)


def is_others(conf: cfg.ConfigOpts, section: str) -> bool:
    """Whether a library owns that section, or it holds the credentials."""
    return _matches(section, OWNED_SECTIONS) or section == (conf.api.auth_section or "").lower()


def is_read_elsewhere(conf: cfg.ConfigOpts, section: str, name: str) -> bool:
    """Whether an option that is not listed in a section of ours is read: a library's, or one that an operator names.

    Or somebody has declared it since: a driver may add its own to a section of ours.
    """
    if name in OWNED_OPTIONS.get(section, ()) or _matches(name, opts.open_names().get(section, ())):
        return True
    if section == "DEFAULT":
        # There the names of the sections are found, too, and they are no options.
        return name in conf and name not in opts.open_names()
    return name in conf[section]


def names(conf: cfg.ConfigOpts) -> tuple[dict[str, set[str]], dict[tuple[str, str], str]]:
    """By section every name that is read, and what each older name is called now."""
    declared = [(s.name, option) for s in opts.SECTIONS for option in s.options]
    declared += [("DEFAULT", option) for option in log.options()]
    declared += [("api", option) for option in api.shared_options()]
    if not conf.api.auth_section:
        declared += [("api", option) for option in api.plugin_options(conf.api.auth_type)]
    known: dict[str, set[str]] = {}
    older: dict[tuple[str, str], str] = {}
    for section, option in declared:
        now = (section, option.dest)
        for place, name in names_of(option, section):
            known.setdefault(place, set()).add(name)
            if (place, name) != now:
                older[place, name] = option.dest if place == section else f"[{section}] {option.dest}"
    return known, older


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def unfit(section: str, name: str) -> str:
    """Why an option that another configuration has does nothing in this one, as the end of a sentence, or nothing."""
    if section == "api" and name in api.shown_names():
        return ": it belongs to another auth_type"
    if (section, name) in _GONE_FROM_LIBRARIES:
        return f": {_GONE_FROM_LIBRARIES[section, name]}"
    return ""


def _elsewhere(name: str, known: Mapping[str, set[str]]) -> str:
    sections = sorted(section for section, names in known.items() if name in names)
    return f"; it belongs into [{sections[0]}]" if sections else ""

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

from masakarimonitors.conf import api, files, log, opts
from masakarimonitors.conf.faults import names_of

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


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing in one line of a file that does not do what its author meant."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        """As it is logged and printed."""
        return f"{self.file}, line {self.line}: {self.text}"


def remarks(conf: cfg.ConfigOpts) -> list[Remark]:
    """Everything in the loaded files that is not read, and older names, in file order."""
    known, older = _names(conf)
    owned = (*OWNED_SECTIONS, *([conf.api.auth_section.lower()] if conf.api.auth_section else []))
    found = []
    for setting in files.read(files.loaded(conf)):
        section = setting.section
        if section not in known:
            if setting.name is None and not _matches(section, owned):
                hint = _nearest(section, known)
                found.append(
                    Remark(setting.file, setting.line, f"unknown section [{section}] is ignored{hint}")
                )
            continue
        if setting.name is None:
            continue
        name = setting.name
        if name in known[section]:
            newer = older.get((section, name))
            if newer:
                text = f"[{section}] {setting.name} is an older name and still works; its name is now {newer}"
                found.append(Remark(setting.file, setting.line, text))
        elif name not in OWNED_OPTIONS.get(section, ()) and not _matches(
            name, opts.open_names().get(section, ())
        ):
            hint = _unfit(section, name) or _nearest(name, known[section]) or _elsewhere(name, known)
            text = f"unknown option [{section}] {setting.name} is ignored{hint}"
            found.append(Remark(setting.file, setting.line, text))
    return found


def warn(conf: cfg.ConfigOpts) -> None:
    """Log every remark as a warning; called once, after the log is set up."""
    for remark in remarks(conf):
        _LOG.warning("Configuration: %s", remark)


def _names(conf: cfg.ConfigOpts) -> tuple[dict[str, set[str]], dict[tuple[str, str], str]]:
    """By section every name that is read, and what each older name is called now."""
    declared = [(s.GROUP.name, option) for s in opts.SECTIONS for option in s.OPTIONS]
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


def _unfit(section: str, name: str) -> str:
    if section == "api" and any(name == option.dest for option in api.shown_options()):
        return ": it belongs to another auth_type"
    return ""


def _elsewhere(name: str, known: Mapping[str, set[str]]) -> str:
    sections = sorted(section for section, names in known.items() if name in names)
    return f"; it belongs into [{sections[0]}]" if sections else ""

"""Logging as operators of OpenStack services expect it: oslo.log with all of its options."""

import importlib.util
import logging

from oslo_config import cfg
from oslo_log import _options as oslo_log_options  # the only place where oslo.log lists its options
from oslo_log import log as oslo_log

from masakarimonitors.conf import log_lines
from masakarimonitors.conf.faults import ConfigFault
from masakarimonitors.system import log_writer
from masakarimonitors.version import VERSION

_LOG = logging.getLogger(__name__)

QUIET_LOGGERS = [
    "keystoneauth=WARNING",
    "aiohttp.access=WARNING",
    # Both names that oslo.privsep gives its logger: at DEBUG it logs each answer of the helper.
    "oslo.privsep.daemon=INFO",
    "oslo_privsep.daemon=INFO",
]
"""Added to oslo.log's default_log_levels: libraries that repeat themselves or log bodies."""


def register(conf: cfg.ConfigOpts) -> None:
    """Register oslo.log's options, which are command-line options as well."""
    oslo_log.register_options(conf)
    conf.set_default("default_log_levels", [*oslo_log.get_default_log_levels(), *QUIET_LOGGERS])


def options() -> list[cfg.Opt]:
    """oslo.log's options, all of [DEFAULT]."""
    return [option for _, group in oslo_log_options.list_opts() for option in group]


def renew(conf: cfg.ConfigOpts, fresh: cfg.ConfigOpts) -> None:
    """Take over the levels of the log from what was loaded again; or what stands in the file of `log_config_append`.

    Raises `ConfigFault`, and nothing has changed then. Blocks.
    """
    if conf.log_config_append:
        _append_again(conf.log_config_append)
        return
    wanted = _levels(fresh)
    try:
        for level in wanted.values():
            logging.NullHandler().setLevel(level)
    except ValueError as fault:
        raise ConfigFault(f"[DEFAULT] default_log_levels: {fault}") from fault
    logging.getLogger().setLevel(logging.DEBUG if fresh.debug else logging.INFO)
    for name in (_levels(conf) | _levelled).keys() - wanted.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, level in wanted.items():
        logging.getLogger(name).setLevel(level)
    _levelled.clear()
    _levelled.update(wanted)


_levelled: dict[str, str] = {}
"""What was taken over last, beside what the first configuration has set."""

RENEWED = frozenset({"debug", "default_log_levels"})
"""The options of [DEFAULT] that `renew` takes over."""


def _append_again(path: str) -> None:
    # It holds the one lock of all logging while it closes the handlers that it replaces, one after another.
    if not log_writer.finish():
        raise ConfigFault(f"{path} is not read again while nothing takes the log.")
    before = [
        (one, one.level, one.propagate, list(one.handlers))
        for one in (logging.getLogger(), *logging.root.manager.loggerDict.values())
        if isinstance(one, logging.Logger)
    ]
    try:
        oslo_log._load_log_config(path)
    except Exception as fault:
        # Whatever it is: the file holds expressions that are evaluated, and every handler is taken away before that.
        for logger, level, propagate, handlers in before:
            logger.setLevel(level)
            logger.propagate, logger.handlers = propagate, handlers
        raise ConfigFault(f"[DEFAULT] log_config_append: {_said(fault)}") from fault
    log_lines.escape_all()
    log_writer.take_over()


def _said(fault: Exception) -> str:
    """Its words; the kind of those that were not written for an operator comes with them."""
    ours = isinstance(fault, oslo_log.LogConfigError | OSError)
    return str(fault) if ours else f"{type(fault).__name__}: {fault}"


def _levels(conf: cfg.ConfigOpts) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in conf.default_log_levels)
    return {name: level for name, _, level in pairs if level}


def set_up(conf: cfg.ConfigOpts) -> None:
    """Send logging where the configuration says.

    Raises `ConfigFault` when that place cannot be used. A journal that cannot be spoken to directly
    (its Python binding is missing) is not fatal: standard error reaches the same journal under systemd.
    From here on a thread writes the log, and nobody waits for it.
    """
    no_journal = conf.use_journal and importlib.util.find_spec("systemd") is None
    if no_journal:
        conf.set_override("use_journal", False)
        conf.set_override("use_stderr", True)
    try:
        oslo_log.setup(conf, "masakarimonitors", VERSION, fix_eventlet=False)
    except Exception as fault:  # what the file of log_config_append has evaluated may raise anything
        raise ConfigFault(
            f"The log cannot be set up as the configuration says: {_said(fault)}. Look at log_file, log_dir, "
            "log_config_append and use_syslog in [DEFAULT], and at who may write there."
        ) from fault
    log_lines.escape_all()
    logging.captureWarnings(True)
    log_writer.take_over()
    if no_journal:
        _LOG.warning(
            "use_journal is set, but the Python package systemd-python is not installed: logging to "
            "standard error instead, which systemd puts into the journal. Install systemd-python to have "
            "the fields as well."
        )

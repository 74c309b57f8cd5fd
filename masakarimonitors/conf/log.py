"""Logging as operators of OpenStack services expect it: oslo.log with all of its options."""

import contextlib
import errno
import functools
import logging
import os
import sys
import threading
from collections.abc import Callable

from oslo_config import cfg
from oslo_log import _options as oslo_log_options  # the only place where oslo.log lists its options
from oslo_log import handlers as oslo_log_handlers
from oslo_log import log as oslo_log
from oslo_log.formatters import ContextFormatter

from masakarimonitors.conf import log_config, log_lines
from masakarimonitors.conf.faults import ConfigFault
from masakarimonitors.system.service import held_back, journald, log_writer
from masakarimonitors.version import VERSION

_LOG = logging.getLogger(__name__)

WITHIN = 10.0
"""Seconds within which what takes the log must answer at the start."""

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


def renewed(conf: cfg.ConfigOpts, fresh: cfg.ConfigOpts) -> Callable[[], None]:
    """What takes over the levels of the log from what was loaded again; or what stands in `log_config_append`'s file.

    Raises `ConfigFault`, as what it gives may, and nothing has changed then. Blocks; what it gives does not.
    """
    if conf.log_config_append:
        return _append_again(conf.log_config_append)
    wanted = _levels(fresh)
    try:
        for level in wanted.values():
            logging.NullHandler().setLevel(level)
    except ValueError as fault:
        raise ConfigFault(f"[DEFAULT] default_log_levels: {fault}") from fault

    def take_over() -> None:
        logging.getLogger().setLevel(logging.DEBUG if fresh.debug else logging.INFO)
        for name in (_levels(conf) | _levelled).keys() - wanted.keys():
            logging.getLogger(name).setLevel(logging.NOTSET)
        for name, level in wanted.items():
            logging.getLogger(name).setLevel(level)
        _levelled.clear()
        _levelled.update(wanted)

    return take_over


_levelled: dict[str, str | int] = {}
"""What was taken over last, beside what the first configuration has set."""

RENEWED = frozenset({"debug", "default_log_levels"})
"""The options of [DEFAULT] that `renewed` takes over."""

_appended: list[log_config.LogConfig] = []
"""What stands in force of `log_config_append`'s file."""


_FINISH = 5.0
"""Seconds within which what was logged must be written before the file of `log_config_append` is read again: enough for
a burst of lines at a slow place."""


def _append_again(path: str) -> Callable[[], None]:
    with contextlib.suppress(OSError):
        if _appended and _appended[0].stamp == os.path.getmtime(path):
            return lambda: None
    if not log_writer.finish(_FINISH):
        raise ConfigFault(f"{path} is not read again while nothing takes the log.")
    return functools.partial(_append, log_config.read(path))


def _append(says: log_config.LogConfig) -> None:
    says.take_over()
    _appended[:] = [says]


def _levels(conf: cfg.ConfigOpts) -> dict[str, str | int]:
    """By the names of loggers; a level may be a number, as oslo.log takes them at the start."""
    pairs = (pair.partition("=") for pair in conf.default_log_levels)
    return {name: _level(level) for name, _, level in pairs if level}


def _level(said: str) -> str | int:
    try:
        return int(said)
    except ValueError:
        return said


def set_up(conf: cfg.ConfigOpts) -> None:
    """Send logging where the configuration says.

    Raises `ConfigFault` when that place cannot be used. A journal at whose socket nobody listens is not fatal: standard
    error reaches the same journal under systemd. Nor is a place that does not answer within `WITHIN` seconds: the log
    goes to standard error until it does.
    From here on a thread writes the log, and nobody waits for it.
    """
    no_journal = conf.use_journal and not journald.is_there(journald.SOCKET)
    if no_journal:
        conf.set_override("use_journal", False)
        conf.set_override("use_stderr", True)
    logging.captureWarnings(True)
    _SetUp(conf).run()
    if no_journal:
        _LOG.warning(
            "use_journal is set, but no journald listens at %s: logging to standard error instead. In a container, "
            "mount that socket of its host; without systemd, leave use_journal out.",
            journald.SOCKET,
        )


def look(conf: cfg.ConfigOpts, program: str) -> None:
    """Raises the `ConfigFault` that `set_up` would raise in that program, as far as looking tells; nothing is made.

    Blocks for as long as the disk does.
    """
    try:
        for level in _levels(conf).values():
            logging.NullHandler().setLevel(level)
        if conf.log_config_append:
            log_config.look(conf.log_config_append)
        elif path := _file(conf, program):
            _look_at(path)
    except (OSError, ValueError, ConfigFault) as fault:
        raise _unusable(fault) from fault


def _unusable(fault: BaseException) -> ConfigFault:
    return ConfigFault(
        f"The log cannot be set up as the configuration says: {log_config.said(fault)}. Look at log_file, "
        "log_dir, log_config_append and use_syslog in [DEFAULT], and at who may write there."
    )


def _file(conf: cfg.ConfigOpts, program: str) -> str:
    """The file of that program's log; empty where there is none."""
    if not conf.log_file and not conf.log_dir:
        return ""
    return os.path.abspath(os.path.join(conf.log_dir or "", conf.log_file or f"{program}.log"))


def _look_at(path: str) -> None:
    """Raises OSError where no line could be added to a file of this name."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK))
    except FileNotFoundError:
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            raise
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path) from None


def _program() -> str:
    return os.path.basename(sys.argv[0]) or "masakari-monitors"


def _prepare_handlers() -> None:
    """What oslo.log's handlers for syslog and the journal cannot be told otherwise.

    Each line names the program, which they would call after the thread that opens them. And the journal is spoken to
    as journald documents it, whether or not systemd-python is installed: no package of a distribution needs it then.
    """
    ours = {"_get_binary_name": _program, "journal": journald.Journal(journald.SOCKET)}
    vars(oslo_log_handlers).update(ours)


def _load_what_writes(conf: cfg.ConfigOpts) -> None:
    """Lines in JSON need a module that is held back: no line is to wait for the disk from which it would be read.

    Whoever has a file of log_config_append may ask for JSON in it, now or when it is read again.
    """
    if conf.use_json or conf.log_config_append:
        held_back.load("oslo_serialization.jsonutils")


class _SetUp:
    """Opens what takes the log, by a thread, because it may lie on a disk or at a host that does not answer."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._over = threading.Event()
        self._lock = threading.Lock()  # of what follows
        self._fault: ConfigFault | None = None
        self._given_up = False
        self._meanwhile: list[logging.Handler] = []

    def run(self) -> None:
        """Until it is done, or not in its time; raises ConfigFault."""
        try:
            threading.Thread(target=self._work, name="log set-up", daemon=True).start()
        except RuntimeError:  # no thread: as before there was one
            self._work()
        if not self._over.wait(WITHIN):
            with self._lock:
                self._given_up = not self._over.is_set()
                if self._given_up:
                    self._use_stderr()
        if self._fault is not None:
            raise self._fault

    def _work(self) -> None:
        try:
            self._open()
        except BaseException as fault:  # noqa: BLE001 - what the file of log_config_append has evaluated may raise anything
            self._fault = _unusable(fault)
            self._fault.__cause__ = fault
        with self._lock:
            if self._fault is None:
                self._go_there()
            elif self._given_up:
                _LOG.error("%s Until the next start it goes to standard error.", self._fault)
            self._over.set()

    def _open(self) -> None:
        _load_what_writes(self._conf)
        if self._conf.log_config_append:
            _append(log_config.read(self._conf.log_config_append))
            sys.excepthook = oslo_log._create_logging_excepthook("masakarimonitors")
        else:
            _prepare_handlers()
            # In a folder each program has a file of its own name. oslo.log would call it after this very thread.
            named = bool(self._conf.log_dir) and not self._conf.log_file
            if named:
                self._conf.set_override("log_file", f"{_program()}.log")
            try:
                oslo_log.setup(self._conf, "masakarimonitors", VERSION, fix_eventlet=False)
            finally:
                if named:
                    self._conf.clear_override("log_file")

    def _go_there(self) -> None:
        for handler in self._meanwhile:
            logging.getLogger().removeHandler(handler)
        log_lines.escape_all()
        log_writer.take_over()
        if self._given_up:
            _LOG.warning("What takes the log answers by now; earlier lines are on standard error alone")

    def _use_stderr(self) -> None:
        """Say so, and go on with standard error."""
        root = logging.getLogger()
        for early in [one for one in root.handlers if type(one) is logging.StreamHandler]:
            root.removeHandler(early)  # of oslo.log, for what is logged ahead of all this
        handler = logging.StreamHandler()
        handler.setFormatter(
            ContextFormatter(
                project="masakarimonitors",
                version=VERSION,
                datefmt=self._conf.log_date_format,
                config=self._conf,
            )
        )
        root.addHandler(handler)
        log_lines.escape_all()
        earlier = list(root.handlers)
        log_writer.take_over()
        self._meanwhile = [one for one in root.handlers if one not in earlier] or [handler]
        root.setLevel(logging.DEBUG if self._conf.debug else logging.INFO)
        for name, level in _levels(self._conf).items():
            with contextlib.suppress(ValueError):
                logging.getLogger(name).setLevel(level)
        _LOG.error(
            "What is to take the log has not answered within %.0f s ([DEFAULT] log_file, log_dir, log_config_append or "
            "use_syslog): look at that disk, mount or host. Until it answers, the log goes to standard error; nothing "
            "else waits for it.",
            WITHIN,
        )

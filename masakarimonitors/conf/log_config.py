"""The file of `log_config_append`: read while logging goes on, and taken over in one go.

Logging's own reader makes the handlers while it holds the one lock of all logging. A handler may open a file on a disk
or a connection to a host, either of which may not answer; every thread that logs would wait for it then, and so would
the loop. Here the handlers are made, and old ones closed, without that lock; what is done under it only moves memory.
"""

import configparser
import contextlib
import logging
import logging.config
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from masakarimonitors.conf import log_lines
from masakarimonitors.conf.faults import ConfigFault
from masakarimonitors.system.service import log_writer


def _handlers(parsed: "configparser.ConfigParser") -> Mapping[str, logging.Handler]:
    # logging.config makes something of a file in three steps, which are not public. Asked for only here: both modules
    # are loaded when they are first used, and without such a file nobody uses them.
    formatters: Mapping[str, Any] = logging.config._create_formatters(parsed)  # type: ignore[attr-defined]
    handlers: Mapping[str, logging.Handler] = logging.config._install_handlers(parsed, formatters)  # type: ignore[attr-defined]
    return handlers


def _install(parsed: "configparser.ConfigParser", handlers: Mapping[str, logging.Handler]) -> None:
    logging.config._install_loggers(parsed, handlers, False)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What the file says, with its handlers made; nothing is changed by that."""

    path: str
    stamp: float
    parsed: "configparser.ConfigParser"
    handlers: Mapping[str, logging.Handler]

    def take_over(self) -> None:
        """From now on logging is as the file says; raises ConfigFault, and nothing has changed then. Does not block.

        The old handlers are closed by a thread, when they have written what they were given.
        """
        before = [(one, one.level, one.propagate, list(one.handlers)) for one in _loggers()]
        with logging._lock:  # type: ignore[attr-defined]
            for one, *_ in before:
                one.setLevel(logging.NOTSET)
                one.propagate, one.handlers = True, []
            try:
                _install(self.parsed, self.handlers)
            except Exception as fault:
                for one, level, propagate, handlers in before:
                    one.setLevel(level)
                    one.propagate, one.handlers = propagate, handlers
                close(self.handlers.values())
                raise ConfigFault(f"[DEFAULT] log_config_append: {said(fault)}") from fault
        log_lines.escape_all()
        log_writer.take_over()
        close(_direct(handler for *_, handlers in before for handler in handlers))


def read(path: str) -> LogConfig:
    """What the file says; raises ConfigFault. Blocks for as long as what its handlers open does."""
    try:
        stamp, parsed = _parse(path)
        return LogConfig(path, stamp, parsed, _handlers(parsed))
    except (Exception, SystemExit) as fault:  # the file holds expressions that are evaluated
        raise _unusable(fault) from fault


def look(path: str) -> None:
    """Raises the ConfigFault of a file that cannot be parsed; nothing is made of it. Blocks as the disk does."""
    try:
        _parse(path)
    except Exception as fault:
        raise _unusable(fault) from fault


def _unusable(fault: BaseException) -> ConfigFault:
    return ConfigFault(f"[DEFAULT] log_config_append: {said(fault)}")


def _parse(path: str) -> "tuple[float, configparser.ConfigParser]":
    """When the file was changed last, and what it says."""
    stamp = os.path.getmtime(path)
    parsed = configparser.ConfigParser()
    with open(path, encoding="locale") as file:
        parsed.read_file(file)
    return stamp, parsed


def said(fault: BaseException) -> str:
    """Its words; the kind of those that were not written for an operator comes with them."""
    ours = isinstance(fault, OSError | configparser.Error)
    return str(fault) if ours else f"{type(fault).__name__}: {fault}"


def close(handlers: Iterable[logging.Handler]) -> None:
    """Have a thread close them, when what was logged is written."""
    old = list(handlers)

    def work() -> None:
        log_writer.finish(60.0)
        for one in old:
            with contextlib.suppress(Exception):
                one.flush()
                one.close()

    with contextlib.suppress(RuntimeError):  # no thread: they stay open
        threading.Thread(target=work, name="old log", daemon=True).start()


def _direct(handlers: Iterable[logging.Handler]) -> Iterable[logging.Handler]:
    for one in handlers:
        yield from one.handlers if isinstance(one, log_writer.Queued) else (one,)


def _loggers() -> list[logging.Logger]:
    known = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    return [one for one in known if isinstance(one, logging.Logger)]

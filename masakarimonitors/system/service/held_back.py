"""Modules that libraries import and this program hardly ever uses: loaded when they are first used, not before.

What guesses the encoding of an answer, what takes network masks apart, what opens a web page: libraries import such
modules for what a monitor does never or once in a year, and each process would keep them in memory. `hold_back` comes
before those libraries are imported. From then on the import of one of `MODULES` gives an empty module that loads itself
at the first use of anything in it. So whoever does need it, somebody else's host driver for instance, has it whole.

Nothing that a report needs stands in the list: a failure is often a disk's, and a report must not wait for a module
that has still to be read from one.
"""

import importlib
import os
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# Not importlib.abc: it imports some of what is held back here.

MODULES = {
    "bz2": "shutil and zipfile unpack with it",
    "chardet": "requests guesses encodings with it where it is installed; all that is spoken here is UTF-8",
    "charset_normalizer": "requests guesses encodings with it where chardet is not",
    "configparser": "oslo.log reads the file of log_config_append with it",
    "csv": "importlib reads the lists of files of installed packages with it",
    "ctypes": "dateutil asks Windows for its time zone with it",
    "dateutil.tz": "oslo.log asks it for the time zone of this computer, for each line",
    "debtcollector": "oslo.log says with it what is deprecated",
    "decimal": "oslo.serialization tells its numbers by it, and iso8601 reads fractions of seconds",
    "difflib": "it finds the name that an operator may have meant, once one is wrong",
    "html": "http.server writes its pages of errors with it; keystoneauth has a web server for one way to sign in",
    "importlib.metadata": "stevedore looks for plug-ins with it, and debtcollector for its own version",
    "iso8601": "oslo.utils reads dates with it; keystoneauth reads those of tokens, where it is in use",
    "logging.config": "oslo.log reads the same file with it",
    "logging.handlers": "files that are rotated or watched, and syslog, are written with it",
    "lzma": "shutil and zipfile unpack with it",
    "netaddr": "oslo.config reads addresses with it, other than plain ones of IPv4",
    "oslo_serialization.jsonutils": "oslo.log writes lines in JSON with it",
    "pickle": "oslo.config tries with it what it would hand to workers; a log that is sent to a port is written in it",
    "rfc3986": "oslo.config reads URIs with it; no option here is one for it",
    "stevedore": "oslo.config loads drivers with it for configurations that are no files",
    "typing_extensions": "oslo.context names types with it that Python has had itself since 3.11",
    "uuid": "oslo.context makes names of requests with it; the file of guest checks is read with it",
    "webbrowser": "keystoneauth opens a page with it for that way to sign in",
    "xmlrpc.client": "oslo.serialization writes its dates as JSON",
    "zipfile": "importlib and requests look into archives of modules with it",
}
"""What is held back, and who would use it for what."""

_ELSEWHERE = {
    ("chardet", "__version__"): "chardet.version",
    ("charset_normalizer", "__version__"): "charset_normalizer.version",
    ("dateutil.tz", "tzlocal"): "masakarimonitors.system.service.local_time",
    ("typing_extensions", "Self"): "typing",
}
"""What is asked of them as soon as they are imported, with the small module that has it under the same name."""

_loading = threading.RLock()


def hold_back() -> None:
    """Hold back what is not imported yet; a second call does nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        # Python names an archive of its modules that is hardly ever there; importlib would open it with zipfile.
        sys.path[:] = [place for place in sys.path if not place.endswith(".zip") or os.path.exists(place)]


def load(name: str) -> None:
    """Load a module that may be held back, for whoever will need it when no disk can be waited for."""
    module = importlib.import_module(name)
    with _loading:
        if isinstance(module, _HeldBack) and not _is_being_loaded(module):
            _load(module)


def is_loaded(name: str) -> bool:
    """Whether a module is imported, and its contents are in memory."""
    module = sys.modules.get(name)
    return module is not None and not isinstance(module, _HeldBack)


class _HeldBack(ModuleType):
    """A module that has a name and a place, and gets its contents when somebody asks for any."""

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there, so never again once it is loaded.
        if (found := _elsewhere(self.__name__, name)) is not None:
            return found
        with _loading:
            # A second thread finds it loaded; its own code, which runs at this moment, finds what is there so far.
            if isinstance(self, _HeldBack) and not _is_being_loaded(self):
                _load(self)
        return ModuleType.__getattribute__(self, name)


def _elsewhere(module: str, name: str) -> Any:
    """What is `name` in that module, without loading it; None where that is not known."""
    try:
        return getattr(importlib.import_module(_ELSEWHERE[module, name]), name)
    except (LookupError, ImportError, AttributeError):
        return None


def _is_being_loaded(module: ModuleType) -> bool:
    return not isinstance(module.__loader__, _Later)


def _load(module: ModuleType) -> None:
    """Fill it; raises what its own code raises, and then it is held back as before."""
    later: Any = module.__loader__
    assert module.__spec__ is not None
    module.__loader__ = module.__spec__.loader = later.real
    try:
        later.real.exec_module(module)
    except BaseException:
        module.__loader__ = module.__spec__.loader = later
        raise
    module.__class__ = ModuleType


class _Later:
    """A loader that leaves the module empty; `real`, the loader that was found for it, is what fills it."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self.real.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        # Only now: to give it its name and place, importlib asks whether it has any.
        module.__class__ = _HeldBack


class _Finder:
    """Finds `MODULES` where everything is found, and holds them back."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return None
        later: Any = _Later(spec.loader)
        spec.loader = later
        return spec

"""How Sphinx builds this documentation: `make docs`. Needs no network."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(Path(__file__).parents[1])]

from masakarimonitors.version import VERSION  # noqa: E402

project = "masakari-monitors"
author = "the masakari-monitors authors"
copyright = author
release = version = VERSION

extensions = [
    "exit_reference",
    "guest_lifecycle",
    "host_outage",
    "instance_lifecycle",
    "metric_reference",
    "option_reference",
]
root_doc = "index"
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False  # a command line must keep its two dashes

html_theme = "alabaster"
html_theme_options = {"description": "Notices failures of an OpenStack compute cloud", "page_width": "1040px"}
html_show_copyright = False
html_copy_source = False

# One page for each program; a test compares them with the programs of the package.
_PROGRAMS = {
    "masakari-monitors": "notice failures of a compute cloud and tell masakari-api",
    "man/masakari-hostmonitor": "tell masakari-api of hosts that are lost",
    "man/masakari-instancemonitor": "tell masakari-api of instances that died",
    "man/masakari-introspectiveinstancemonitor": "tell masakari-api of guests that hang",
    "man/masakari-monitors-status": "look over an upgrade of masakari-monitors before it is made",
    "man/masakari-processmonitor": "start processes again, and tell masakari-api where that fails",
}
man_pages = [(page, page.rpartition("/")[2], what, [author], 1) for page, what in _PROGRAMS.items()]


def list_other_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """A page that index.rst does not name (each monitor brings its own) stands where it says @OTHER PAGES@."""
    if page == root_doc:
        named = set(source[0].split())
        others = sorted(
            file.stem for file in Path(app.srcdir).glob("*.rst") if file.stem not in named | {page}
        )
        source[0] = source[0].replace("@OTHER PAGES@", "\n   ".join(others))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", list_other_pages)
    # A page that came or went changes index.rst, and the options may have changed as well.
    app.connect("env-get-outdated", lambda *_: ["index", "configuration"])

"""Each exit code of each command, written from the table by which the commands end: `.. exit-reference:: [COMMAND]`."""

from collections.abc import Iterator
from typing import Any

from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from masakarimonitors.cmd.console import exits


def listed(command: str = "") -> Iterator[str]:
    """The lines of a definition list: of that command, or of all, those that end alike together."""
    if command:
        for code, said in exits.of(command).items():
            yield from (f"{code.value}", f"   {said}", "")
        return
    for commands, means in exits.groups():
        yield ", ".join(f"**{one}**" for one in commands)
        for code, said in means.items():
            if commands[0] in exits.STAY or exits.ANY.get(code) != said:
                yield f"   - {code.value}: {said}."
        yield ""
    yield "each of these that ends by itself, unless it says otherwise"
    yield from (f"   - {code.value}: {said}." for code, said in exits.ANY.items())
    yield ""


class ExitReference(SphinxDirective):
    """All of them; with an argument those of that program alone."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[Any]:
        """Parse the generated list as if it stood in the page."""
        lines = list(listed(*self.arguments))
        return self.parse_text_to_nodes(StringList(lines, "masakarimonitors/cmd/console/exits.py"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("exit-reference", ExitReference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

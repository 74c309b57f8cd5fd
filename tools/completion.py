"""completion.py bash|zsh|fish: prints completion for it, as masakarimonitors.cmd.console.completion makes it."""

import sys

from masakarimonitors.cmd.console.completion import fish_script, script, zsh_script
from masakarimonitors.cmd.masakari_monitors import parser

sys.stdout.write({"bash": script, "zsh": zsh_script, "fish": fish_script}[sys.argv[1]](parser()))

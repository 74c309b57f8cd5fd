"""Prints completion for bash, as masakarimonitors.cmd.console.completion makes it."""

import sys

from masakarimonitors.cmd.console.completion import script
from masakarimonitors.cmd.masakari_monitors import parser

sys.stdout.write(script(parser()))

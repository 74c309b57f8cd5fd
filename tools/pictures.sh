#!/bin/sh
# pictures.sh: makes the pictures of README.md and the documentation anew, docs/_static, of real monitors on this computer.
#
# Needs .venv (make setup) and the browser of tools/setup-chromium.sh. Two monitors run in a folder of their own, and end.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || { echo "pictures: there is no .venv yet: make setup" >&2; exit 3; }
tools/setup-chromium.sh
PYTHONPATH=$PWD .venv/bin/python -m tests.integration.web.pictures
ls -l docs/_static

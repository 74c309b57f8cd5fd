#!/bin/sh
# test.sh ARGS...: prepares the real systems, then one pytest with ARGS. Its closing lines are pytest's.
#
# Exits non-zero when a set-up failed, when a test failed, and when no test ran at all.
set -eu
cd "$(dirname "$0")/.."
prepared=0
tools/prepare-tests.sh || prepared=1
if [ "$(id -u)" != 0 ]; then
    echo "test: not root, so tests that need namespaces or servers of the system are skipped, each with its reason"
fi
echo "+ pytest $*"
code=0
.venv/bin/pytest "$@" || code=$?
if [ "$prepared" != 0 ]; then
    echo "test: a set-up FAILED (see above pytest's output), so this run does not count as passed" >&2
    if [ "$code" = 0 ]; then code=1; fi
fi
exit "$code"

#!/bin/sh
# test.sh ARGS...: prepares the real systems, then one pytest with ARGS. Its closing lines are pytest's.
#
# Exits non-zero when a set-up failed, when a test failed, and when no test ran at all.
set -eu
cd "$(dirname "$0")/.."
# What Python has compiled is kept, here as on a host: each of the workers and of the many hundred programs that tests
# start would compile the same files again, which is a third of what the start of a monitor costs.
unset PYTHONDONTWRITEBYTECODE
# The tests themselves, once: workers that begin at the same moment would each compile all of them. What is wrong with
# one of them is said below.
.venv/bin/pytest --collect-only -q -q -n 0 tests >/dev/null 2>&1 &
compiling=$!
prepared=0
tools/prepare-tests.sh || prepared=1
wait "$compiling" || true
if [ "$(id -u)" != 0 ]; then
    echo "test: not root, so tests that need namespaces or servers of the system are skipped, each with its reason"
fi
echo "+ pytest $*"
code=0
# A worker that crashes is a failure as it is, and ends the run: another in its place leaves pytest-xdist waiting for good
# where the tests are nearly through, and nothing is said of what has failed.
.venv/bin/pytest --max-worker-restart=0 "$@" || code=$?
if [ "$prepared" != 0 ]; then
    echo "test: a set-up FAILED (see above pytest's output), so this run does not count as passed" >&2
    if [ "$code" = 0 ]; then code=1; fi
fi
exit "$code"

#!/bin/bash
# keep-release.sh COMMIT: builds the wheel of a release and keeps it as data of the tests, in tests/data/releases.
#
# The tests have its monitors work beside today's, as in a cloud that is upgraded host by host. Run it when a release is
# made, with its tag; git keeps what is never made anew. Needs .venv (make setup): the wheel is built with the tools of
# constraints.lock, from the files of that commit alone, and bears its date.
set -euo pipefail
cd "$(dirname "$0")/.."
commit=${1:?keep-release: which commit or tag?}
[ -x .venv/bin/python ] || { echo "keep-release: there is no .venv yet: make setup" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive --prefix=source/ "$commit" | tar -C "$work" -xf -
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit") .venv/bin/python -m pip --disable-pip-version-check -qq wheel \
    --no-deps --no-build-isolation -w "$work/wheels" "$work/source"
mkdir -p tests/data/releases
cp "$work"/wheels/masakari_monitors-*.whl tests/data/releases/
(cd "$work/wheels" && ls -l masakari_monitors-*.whl)

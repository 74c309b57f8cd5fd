#!/bin/sh
# audit.sh: whether a known vulnerability is listed for any version of constraints.lock.
#
# pip-audit asks the package index that pip is configured for, and a public list of vulnerabilities. Where it cannot be
# had, or cannot ask, that is said in the words "not checked", and the exit code is 0: nothing was found wrong, and
# nothing right either. Exit 1: something is listed, or the list of versions cannot be read.
set -eu
cd "$(dirname "$0")/.."
PATIENCE=${AUDIT_PATIENCE:-120}

not_checked() {
    echo "audit: NOT CHECKED: $1 (the versions of constraints.lock may have known vulnerabilities, or none: not checked)"
    exit 0
}

# Apart from .venv: a tool that looks at the versions must not be one of them.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tool=${PIP_AUDIT:-}
if [ -z "$tool" ]; then
    "${PYTHON:-python3}" -m venv "$scratch/venv" 2>"$scratch/why" || not_checked "no virtual environment can be made"
    "$scratch/venv/bin/python" -m pip --disable-pip-version-check --no-input --timeout 15 --retries 1 \
        install -qq 'pip-audit>=2.7' >"$scratch/why" 2>&1 || not_checked "pip-audit cannot be installed here"
    tool="$scratch/venv/bin/pip-audit"
fi

grep -v '^#' constraints.lock | grep . >"$scratch/versions.txt" || { echo "audit: constraints.lock is empty" >&2; exit 1; }
code=0
timeout "$PATIENCE" "$tool" --requirement "$scratch/versions.txt" --no-deps --disable-pip --progress-spinner off \
    --format json --output "$scratch/found.json" >"$scratch/said" 2>&1 || code=$?
# With 0 and with 1 it has an answer only if it has written one: a source that does not answer ends with 1 as well.
if [ ! -s "$scratch/found.json" ]; then
    sed 's/^/audit: /' "$scratch/said" | tail -n 3
    not_checked "no list of vulnerabilities could be asked (exit code $code)"
fi
"${PYTHON:-python3}" - "$scratch/found.json" "$scratch/versions.txt" <<'PYTHON'
import json
import sys

listed = json.load(open(sys.argv[1], encoding="utf-8"))["dependencies"]
wanted = sum(1 for line in open(sys.argv[2], encoding="utf-8"))
skipped = [one["name"] for one in listed if "skip_reason" in one]
found = [(one, fault) for one in listed for fault in one.get("vulns", [])]
for one, fault in found:
    mended = ", ".join(fault.get("fix_versions", [])) or "no version yet"
    print(f"audit: {one['name']} {one['version']}: {fault['id']}, mended in {mended}")
checked = len(listed) - len(skipped)
if skipped:
    print(f"audit: the source that was asked knows nothing of {len(skipped)}: {', '.join(skipped)}")
if checked < wanted:
    print(f"audit: {'NOT CHECKED' if not checked else 'not checked'}: {wanted - checked} of {wanted} versions")
if checked:
    print(f"audit: {checked} of {wanted} versions checked, {len(found)} known vulnerabilities")
sys.exit(1 if found else 0)
PYTHON

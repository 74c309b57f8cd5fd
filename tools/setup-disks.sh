#!/bin/sh
# setup-disks.sh: what makes a file system in a file, and has it hang, for the tests of disks that do not answer.
#
# Exits 3 with what is missing where it cannot be installed.
set -eu
exec "$(dirname "$0")/ensure-packages.sh" e2fsprogs mount util-linux

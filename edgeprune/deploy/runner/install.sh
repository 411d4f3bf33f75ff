#!/bin/sh
# Lays a model and its runners down on a device, and tries them there.
#
#   sh install.sh [FOLDER]      default: ~/edgeprune/TARGET; no root rights, no network
#
# Exit status: 0 installed and tried, 1 the runner computes something else here, 2 this is not the
# device that it was built for, or a file was damaged on the way.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/install.conf"

refuse() {
    echo "install.sh: $*" >&2
    exit 2
}

check_machine() {
    machine=$(uname -m)
    # A 64-bit kernel may carry a 32-bit system.
    case "$machine:$(getconf LONG_BIT 2>/dev/null || echo unknown)" in
        aarch64:32 | armv8l:32) machine=armv7l ;;
    esac
    [ "$machine" = "$ARCHITECTURE" ] ||
        refuse "built for $ARCHITECTURE ($TARGET), and this machine is $machine"
}

check_glibc() {
    [ -n "$GLIBC" ] || return 0
    found=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
    if [ -z "$found" ]; then
        echo "glibc $GLIBC is needed; what this system has is not known (no getconf)"
        return 0
    fi
    oldest=$(printf '%s\n%s\n' "$GLIBC" "$found" | sort -V | head -n 1)
    [ "$oldest" = "$GLIBC" ] || refuse "glibc $GLIBC is needed, and this system has $found"
}

check_files() {
    # Short options: a small system has busybox.
    (cd "$here" && sha256sum -c SHA256SUMS >/dev/null 2>&1) ||
        refuse "a file was damaged on the way; copy the folder again"
}

install_files() {
    mkdir -p "$1"
    (cd "$here" && cut -c67- SHA256SUMS) | while IFS= read -r name; do
        mkdir -p "$1/$(dirname -- "$name")"
        cp -- "$here/$name" "$1/$name"
    done
    chmod 755 "$1"/bin/*
}

try_runners() {
    for runner in $RUNNERS; do
        echo "trying $runner"
        "$1/bin/$runner" --warmup 2 --runs 10 --expect "$1/example/expected.bin" \
            "$1/example/input.bin" "$1/example/output.bin" || exit 1
    done
}

check_machine
check_glibc
check_files
prefix=${1:-$HOME/edgeprune/$TARGET}
install_files "$prefix"
try_runners "$prefix"
echo "installed in $prefix"

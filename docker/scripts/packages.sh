#!/bin/sh
# Installs Debian packages and leaves nothing else behind.
#
#   packages.sh NAME...
set -eu
[ $# -gt 0 ] || {
    echo "packages.sh: no packages are named" >&2
    exit 2
}
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    /usr/share/doc /usr/share/man

#!/bin/sh
# Makes the user that everything runs as, and the folder that runs are mounted on.
set -eu
groupadd --gid 10001 edgeprune
useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin edgeprune
mkdir -p /work
chown edgeprune:edgeprune /work

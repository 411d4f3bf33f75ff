#!/bin/sh
# Unpacks wheels for another machine.
#
#   site.sh MACHINE REQUIREMENTS FOLDER      wheels in /wheels are taken first
set -eu
machine=$1 requirements=$2 folder=$3
set --
for glibc in 2014 _2_17 _2_24 _2_27 _2_28 _2_31 _2_34; do
    set -- "$@" --platform "manylinux${glibc}_$machine"
done
python3 -m pip install --quiet --no-cache-dir --no-deps --only-binary=:all: --no-compile \
    --find-links "${WHEELS:-/wheels}" --implementation cp --python-version 3.11 "$@" \
    --target "$folder" --requirement "$requirements"

#!/bin/sh
# Installs edgeprune into an environment of its own, in two steps of which the first changes rarely.
#
#   edgeprune.sh dependencies EXTRAS      what it needs, in the versions of constraints.txt
#   edgeprune.sh package                  edgeprune itself, whose sources are in /src
#
# Wheels in /wheels are taken first; with PIP_NO_INDEX=1 they are the only ones. TORCH_INDEX is
# where torch comes from, if not from pip's own index.
set -eu
site=/opt/edgeprune
[ -n "${PIP_NO_INDEX:-}" ] || unset PIP_NO_INDEX

install() {
    "$site/bin/python" -m pip install --quiet --no-cache-dir --find-links /wheels \
        --constraint /src/constraints.txt "$@"
}

case ${1:-} in
dependencies)
    python3 -m venv "$site"
    # Alone and first: asked for together with other packages, pip may choose a newer build.
    install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
    # The metadata alone: a package without code, whose dependencies are edgeprune's.
    stub=$(mktemp -d)
    cp /src/pyproject.toml /src/README.md "$stub"
    mkdir -p "$stub/edgeprune" "$stub/targets" "$stub/calibration"
    echo '__version__ = "0"' >"$stub/edgeprune/__init__.py"
    install "${stub}[$2]"
    rm -rf "$stub"
    ;;
package)
    install --no-deps --force-reinstall /src
    ;;
*)
    echo "edgeprune.sh: dependencies EXTRAS, or package; got ${1:-nothing}" >&2
    exit 2
    ;;
esac

#!/bin/sh
# SPDX-License-Identifier: CERN-OHL-P-2.0
# Installs what `make -C hardware` needs on Debian 12 or Ubuntu 22.04 and later. Needs root or sudo.
# usage: hardware/setup.sh [--spice]     --spice: only ngspice, for the tests of `make test`
set -eu
cd "$(dirname "$0")"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
want="ngspice"
if [ "${1:-}" != "--spice" ]; then
    want="$want kicad kicad-symbols kicad-footprints xvfb xauth xdotool xclip xsltproc x11-utils imagemagick
          poppler-utils librsvg2-bin graphviz python3-venv"
fi
missing=""
for p in $want; do dpkg -s "$p" >/dev/null 2>&1 || missing="$missing $p"; done
if [ -n "$missing" ]; then
    as_root apt-get update -qq
    # shellcheck disable=SC2086 - a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
[ "${1:-}" = "--spice" ] && exit 0
# A venv of its own: build123d alone is 1 GB. Same Python as KiCad, so that kiauto can import pcbnew.
if [ ! -x build/venv/bin/python ]; then /usr/bin/python3 -m venv build/venv; fi
build/venv/bin/python -m pip install -q --disable-pip-version-check -r requirements.txt
# The interactive BOM wants wxPython from source; Debian's (it came with KiCad) does, so: without dependencies.
[ -d build/ibom ] || build/venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --target build/ibom -r requirements-ibom.txt

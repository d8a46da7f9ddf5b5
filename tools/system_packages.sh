#!/bin/sh
# Installs what the tests want beyond Python: a browser for the demo page, ngspice for the circuit's checks, flite for
# the spoken prompts, a C compiler (the emulated chip runs four times as fast when it is compiled for this Python).
# Without apt and root it says what is missing and goes on: the tests that need it then say so, loudly.
set -eu
want=""
[ -x /usr/bin/chromium ] || command -v chromium >/dev/null 2>&1 || want="$want chromium"
command -v ngspice >/dev/null 2>&1 || want="$want ngspice"
command -v flite >/dev/null 2>&1 || want="$want flite"
command -v cc >/dev/null 2>&1 || want="$want gcc"
[ -z "$want" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    # shellcheck disable=SC2086 - a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $want >/dev/null
else
    echo "Not installed:$want. On Debian or Ubuntu: sudo apt-get install$want" >&2
fi

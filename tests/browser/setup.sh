#!/bin/sh
# What the browser tests need, where it is missing: Chromium, the WebSocket library of the stranger's client, playwright-core.
set -eu
cd "$(dirname "$0")"

if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
pip() { "${PYTHON:-python3}" -m pip install --quiet "$@" websockets; }
"${PYTHON:-python3}" -c 'import websockets' 2>/dev/null || pip || pip --break-system-packages
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent

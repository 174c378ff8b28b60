#!/usr/bin/env bash
# Installs what the browser tests need and this machine has not: Chromium, playwright-core, and the stranger's Python package.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

if [ -z "${CHROMIUM:-}" ] && ! command -v chromium >/dev/null; then
  as_root=$([ "$(id -u)" = 0 ] || echo sudo)
  $as_root apt-get update -q
  $as_root apt-get install -q -y --no-install-recommends chromium
fi
[ -d "$root/tests/browser/node_modules/playwright-core" ] || npm --prefix "$root/tests/browser" ci
[ -x "$root/target/venv/bin/python" ] || python3 -m venv "$root/target/venv"
"$root/target/venv/bin/python" -c 'import websockets' 2>/dev/null || "$root/target/venv/bin/pip" install --quiet 'websockets>=14,<17'

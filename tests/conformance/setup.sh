#!/bin/sh
# What the conformance suite needs, where it is missing: kosoku, which runs Autobahn's cases, in a Python of its own.
set -eu
cd "$(dirname "$0")/../.."

venv=target/conformance/venv
if [ ! -x "$venv/bin/kosoku" ]; then
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/pip" install --quiet kosoku==0.1.0
fi

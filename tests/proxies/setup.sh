#!/bin/sh
# nginx and haproxy, where they are missing. Without apt the test says that it is skipped.
set -eu
PATH="$PATH:/usr/sbin"

missing=""
for proxy in nginx haproxy; do
  command -v "$proxy" >/dev/null || missing="$missing $proxy"
done
if [ -n "$missing" ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # In this runlevel nothing is started as a service: it is the test that runs them.
  # shellcheck disable=SC2086
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

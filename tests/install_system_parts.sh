#!/bin/sh
# Installs what the tests need beyond Python: broker, databases, a front, a browser, npm packages.
# Only as root and only what is missing. Without root it changes nothing: the tests that need a
# missing part are skipped by name.
# npm packages, which need no root: accessibility rules for the browser tests, Grafana's types for the boards.
npm_part() { # Folder, a file that is there when it is installed, what it is for.
  folder=$(dirname "$0")/$1
  [ -f "$folder/node_modules/$2" ] && return
  if ! command -v npm >/dev/null 2>&1; then
    echo "npm is not installed: the tests of $3 will be skipped."
  else
    timeout 120 npm ci --prefix "$folder" --no-audit --no-fund --silent >/dev/null 2>&1 ||
      echo "Could not install what $folder names (npm ci). The tests of $3 will be skipped."
  fi
}
npm_part axe axe-core/axe.min.js "accessibility rules (axe-core)"
npm_part grafana_schema typescript/bin/tsc "boards against Grafana's types (@grafana/schema)"
missing=""
command -v mosquitto >/dev/null 2>&1 || test -x /usr/sbin/mosquitto || missing="$missing mosquitto"
command -v influxd >/dev/null 2>&1 || missing="$missing influxdb"
command -v nginx >/dev/null 2>&1 || test -x /usr/sbin/nginx || missing="$missing nginx-light"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium fonts-noto-cjk"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "Missing for some tests:$missing. Install them (or run make test as root on Debian); those tests will be skipped."
  exit 0
fi
echo "Installing for the tests:$missing"
# The packages' own services would start with their default ports; the tests start their own.
policy=/usr/sbin/policy-rc.d
made_policy=""
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && made_policy=1
fi
log=$(mktemp)
# shellcheck disable=SC2086
if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
  echo "Could not install:$missing. The tests that need them will be skipped. Last lines of apt-get:"
  tail -n 5 "$log"
fi
rm -f "$log"
[ -n "$made_policy" ] && rm -f "$policy"
exit 0

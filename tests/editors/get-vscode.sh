#!/usr/bin/env bash
# Gets what the tests of VS Code need, from npm, beside the system: code-server, which is VS Code's workbench behind a
# web server; a Node that it runs on; puppeteer-core, which drives a browser; and what builds our extension. No root.
#
#   get-vscode.sh      into target/editors/vscode, anew: 850 MB
#   get-vscode.sh all  where it is not there yet
#
# A Chromium is the one thing that npm does not have; what to install is said where none is found. CODE_SERVER and NODE
# name other versions than the newest that are known to work. Exit status 77: it cannot be had here.
set -euo pipefail

cannot() {
  echo "get-vscode: $*" >&2
  exit 77
}
command -v npm >/dev/null || cannot "there is no npm"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
prefix=${CODESAGE_EDITORS:-$root/target/editors}/vscode
if [ "${1:-}" = all ] && [ -e "$prefix/complete" ] && [ -d "$root/editors/vscode/node_modules" ]; then
  exit 0
fi
rm -rf "$prefix"
mkdir -p "$prefix"/{node,server,driver}

get() { # FOLDER OPTION... PACKAGE
  cd "$prefix/$1" || cannot "there is no $prefix/$1"
  shift
  npm install --no-audit --no-fund --loglevel=error "$@" || cannot "npm cannot get ${*: -1}"
}
# Newer than most distributions have it.
(get node "node@${NODE:-24}")
export PATH=$prefix/node/node_modules/.bin:$PATH
# NB: not its own installation script, which builds native modules that are not needed; but then what it would have
# installed beside them.
(get server --ignore-scripts "code-server@${CODE_SERVER:-4}")
(get server/node_modules/code-server/lib/vscode --ignore-scripts --omit=dev)
(get driver puppeteer-core@25)
(cd "$root/editors/vscode" && npm ci --no-audit --no-fund --loglevel=error) || cannot "npm cannot get what builds the extension"
touch "$prefix/complete"

version=$(node -p "require('$prefix/server/node_modules/code-server/lib/vscode/package.json').version")
echo "get-vscode: $prefix, VS Code $version"
for browser in "${CODESAGE_BROWSER:-}" chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
  [ -n "$browser" ] && command -v "$browser" >/dev/null && exit
done
cannot "there is no Chromium yet: apt-get install --no-install-recommends chromium-headless-shell"

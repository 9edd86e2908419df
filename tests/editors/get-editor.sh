#!/usr/bin/env bash
# Gets an editor that is newer or older than the distribution's, from another suite of Debian: unpacked, not installed; no root,
# and the system's own packages are left alone. The whole closure comes with it, libc included.
#
#   get-editor.sh nvim-stable | nvim-current | vim-old | vim-current | emacs-current | helix-current
#                           into target/editors/NAME
#   get-editor.sh all     those of them that are not there yet
#
# DEBIAN_MIRROR names the mirror where the system's own sources name none. A testing suite moves on, so nothing pins a
# version: NAME/packages.sha256 says what came. Exit status 77: it cannot be had here.
set -euo pipefail

name=${1:?a name: see the top of this file}
if [ "$name" = all ]; then
  for name in nvim-stable nvim-current vim-old vim-current emacs-current helix-current; do
    [ -x "${CODESAGE_EDITORS:-$(dirname "$0")/../../target/editors}/$name/run" ] || "$0" "$name" || true
  done
  exit 0
fi
case $name in
nvim-stable) suite=trixie packages=(neovim) ;;
nvim-current) suite=forky packages=(neovim) ;;
helix-current) suite=forky packages=(hx) ;;
emacs-current) suite=forky packages=(emacs-nox elpa-lsp-mode elpa-company elpa-corfu elpa-package-lint) ;;
vim-old) suite=bullseye packages=(vim vim-runtime) ;;
vim-current) suite=forky packages=(vim vim-runtime) ;;
*) echo "get-editor: there is no $name" >&2 && exit 2 ;;
esac

cannot() {
  echo "get-editor: $*" >&2
  exit 77
}
[ -x /usr/bin/apt-get ] && [ -x /usr/bin/dpkg-deb ] || cannot "this is no Debian"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
prefix=${CODESAGE_EDITORS:-$root/target/editors}/$name
state=$prefix.apt
keyring=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
[ -r "$keyring" ] || cannot "there is no $keyring"

mirror=${DEBIAN_MIRROR:-}
if [ -z "$mirror" ]; then
  mirror=$(apt-get indextargets --no-release-info --format '$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "main" && $2 !~ /security/ { print $2; exit }')
fi
[ -n "$mirror" ] || cannot "no mirror is known; set DEBIAN_MIRROR"

rm -rf "$prefix" "$state"
mkdir -p "$state/lists/partial" "$state/archives/partial" "$prefix"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$state/sources.list"
: >"$state/status" # as if nothing were installed, so that the closure is whole
apt=(apt-get -qq
  -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status"
  -o "Dir::Cache=$state" -o "Dir::Cache::archives=$state/archives"
  -o Debug::NoLocking=1 -o "APT::Sandbox::User=$(id -un)" -o APT::Update::Error-Mode=any)
"${apt[@]}" update || cannot "$suite cannot be reached"
"${apt[@]}" -y --no-install-recommends --download-only install "${packages[@]}" || cannot "${packages[*]}: not in $suite"

for package in "$state"/archives/*.deb; do
  dpkg-deb -x "$package" "$prefix"
done
(cd "$state/archives" && sha256sum -- *.deb) >"$prefix/packages.sha256"

# Its own loader and its own libraries, for they are newer than the system's.
cat >"$prefix/run" <<'RUN'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
program=$1
shift
# In older suites `lib64` names it by its place in the system, which is not this place.
for loader in "$here"/lib64/ld-linux*.so.* "$here"/usr/lib64/ld-linux*.so.* "$here"/usr/lib/*/ld-linux*.so.* \
  "$here"/usr/lib/ld-linux*.so.* "$here"/lib/*/ld-[0-9]*.so; do
  [ -e "$loader" ] && break
done
libraries=
for folder in "$here"/usr/lib/*-linux-gnu "$here"/lib/*-linux-gnu; do
  [ -d "$folder" ] && libraries=${libraries:+$libraries:}$folder
done
exec "$loader" --library-path "$libraries" "$here/usr/bin/$program" "$@"
RUN
chmod +x "$prefix/run"
if [ "$name" = emacs-current ]; then
  # As installing them would have: lsp-mode as it was written takes half a minute to load.
  packages=$prefix/usr/share/emacs/site-lisp/elpa-src
  dump=$(echo "$prefix"/usr/libexec/emacs/*/*/*.pdmp)
  path=$(find "$packages" "$prefix"/usr/share/emacs/[0-9]*/lisp -type d | paste -sd:)
  EMACSLOADPATH=$path EMACSPATH=$(dirname "$dump") EMACSDATA=$(echo "$prefix"/usr/share/emacs/[0-9]*/etc) \
    "$prefix/run" emacs-nox --dump-file="$dump" -Q --batch \
    --eval '(setq native-comp-enable-subr-trampolines nil byte-compile-warnings nil)' \
    -f batch-byte-compile "$packages"/*/*.el >/dev/null 2>&1 || echo "get-editor: some packages are not compiled" >&2
fi
rm -rf "$state"
echo "get-editor: $prefix"

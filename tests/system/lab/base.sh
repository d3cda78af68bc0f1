#!/usr/bin/env bash
# Make a root file system with the Python of the image: Debian trixie's 3.13, where no registry of images can be reached.
#
#   tests/system/lab/base.sh FOLDER      half a minute; needs root and debootstrap; does nothing if it is there already
set -euo pipefail

folder=${1:?usage: base.sh FOLDER}
[[ -e $folder/.complete ]] && exit 0
rm -rf "$folder"
# The archive that this machine installs from itself.
mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
  trixie "$folder" "${mirror:-http://deb.debian.org/debian}" >"$folder.log" 2>&1 || {
  tail -n 20 "$folder.log" >&2
  exit 1
}
ln -sf python3 "$folder/usr/bin/python"
rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
touch "$folder/.complete"

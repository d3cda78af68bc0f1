#!/usr/bin/env bash
# Run the test suite on the image's Python (3.13, where audioop comes from audioop-lts), in a chroot of its own.
#
#   make test-python313                  a quarter of an hour; needs root and debootstrap
#   make test-python313 ARGS=tests/audio what pytest is given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

lab=build/lab
root=$PWD/$lab/suite
mkdir -p "$lab"
# A root of its own: what is put into it (certificates of this machine, packages) must not get into an image.
tests/system/lab/base.sh "$root"
mount_points=(proc dev sys)
unmount() { for point in "${mount_points[@]}"; do umount -R "$root/$point" 2>/dev/null || true; done; }
trap unmount EXIT
unmount
for point in "${mount_points[@]}"; do mount --rbind "/$point" "$root/$point" && mount --make-rslave "$root/$point"; done
cp /etc/resolv.conf /etc/hosts "$root/etc/"
[[ -e /etc/pip.conf ]] && cp /etc/pip.conf "$root/etc/"
cp --parents /etc/ssl/certs/ca-certificates.crt "$root/"

rm -rf "$root/src" && mkdir "$root/src"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create --file=- | tar --extract --directory="$root/src"
run() { chroot "$root" env -i PATH=/v/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 "$@"; }
run python3 -m venv /v
run pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r /src/requirements/dev.txt
run sh -c 'cd /src && pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .'
run python -c 'import audioop, sys; print("Python", sys.version.split()[0], "with audioop from", audioop.__file__)'
run sh -c 'cd /src && exec pytest -n 2 --dist worksteal -m "not system" "$@"' pytest "$@"

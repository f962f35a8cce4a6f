#!/bin/sh
# Build the images `tasker-sql` and `tasker-sql-database` with docker or podman: ENGINE.
#
# Without a registry, root on Debian can make their base itself: BASE=debootstrap docker/build.sh
# CERTIFICATES names a bundle for pip, where packages come through a proxy of your own.
set -eu
cd "$(dirname "$0")/.."
engine=${ENGINE:-docker}
base=${BASE:-docker.io/library/debian:bookworm-slim}
command -v "$engine" > /dev/null || { echo "ENGINE is $engine: no such program" >&2; exit 1; }

if [ "$base" = debootstrap ]; then
  base=localhost/debian:bookworm-slim
  if ! "$engine" image inspect "$base" > /dev/null 2>&1; then
    root=$(mktemp -d)
    debootstrap --variant=minbase bookworm "$root"
    tar -C "$root" -c . | "$engine" import - "$base"
    rm -rf "$root"
  fi
fi

build() {  # from a Dockerfile, an image
  set -- --build-arg "BASE=$base" --file "docker/$1" --tag "$2" .
  if [ -n "${CERTIFICATES:-}" ]; then
    set -- --volume "$CERTIFICATES:/run/certificates.pem:ro" \
      --build-arg PIP_CERT=/run/certificates.pem "$@"
  fi
  if [ "$engine" = podman ]; then
    # Health checks belong to Docker's format; chroot asks for no namespaces.
    set -- --format docker --isolation chroot --layers "$@"
  fi
  "$engine" build "$@"
}

build Dockerfile tasker-sql
build database.Dockerfile tasker-sql-database

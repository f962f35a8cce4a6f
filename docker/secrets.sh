#!/bin/sh
# Make what compose.yaml reads from docker/secrets: passwords, connection strings, a token for HTTP.
#
# What is there is kept, so it may be run again. Only you may enter the folder; containers, which run
# as other users, read the files through their mounts.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
cd secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
make() {  # a file, from standard input, unless it is there
  [ -s "$1" ] || { cat > "$1.new" && chmod 444 "$1.new" && mv "$1.new" "$1"; }
}

random | make postgres_password
random | make owner_password
random | make worker_password
echo "postgresql://tasker:$(cat owner_password)@database/tasker" | make owner_url
echo "postgresql://tasker_worker:$(cat worker_password)@database/tasker" | make worker_url
random | make token
sum=$(sha256sum < token | cut -d ' ' -f 1)
printf '%s = ["%s"]\n' read "$sum" create "$sum" operate "$sum" | make auth.toml
echo "docker/secrets is complete; docker/secrets/token is the bearer token for HTTP"

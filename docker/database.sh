#!/bin/sh
# Make the database once, then be the server. Arguments are options of postgres.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    echo "POSTGRES_PASSWORD is not set: choose the password of the user postgres" >&2
    exit 1
  fi
  printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
  initdb --encoding UTF8 --locale C.UTF-8 --auth-local peer --auth-host scram-sha-256 \
    --pwfile /tmp/password > /dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  pg_ctl --silent --wait --options "-c listen_addresses=''" start > /dev/null
  createdb "${POSTGRES_DB:-tasker}"
  psql -Xqd "${POSTGRES_DB:-tasker}" -c 'create extension pgmq' \
    -c 'create schema tap' -c 'create extension pgtap schema tap'
  pg_ctl --silent --wait stop
fi
exec postgres -c listen_addresses='*' "$@"

#!/bin/sh
# Make the database once, then be the server. Arguments are options of postgres.
#
# It is made in a folder of its own, which gets its name when all is done: a first start that was
# killed leaves nothing that a second one could take for a database.
set -eu

password() {  # of a role, from the file that compose mounts
  file="/run/secrets/$1_password"
  [ -s "$file" ] || { echo "$file is missing: docker/secrets.sh makes it" >&2; exit 1; }
  cat "$file"
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  postgres=$(password postgres)
  owner=$(password owner)
  worker=$(password worker)
  new="${PGDATA%/*}/new"
  rm -rf "$new"
  umask 077
  passwords=$(mktemp)
  printf '%s' "$postgres" > "$passwords"
  initdb --pgdata "$new" --encoding UTF8 --locale C.UTF-8 --auth-local peer \
    --auth-host scram-sha-256 --pwfile "$passwords" > /dev/null
  rm "$passwords"
  echo 'host all all all scram-sha-256' >> "$new/pg_hba.conf"
  pg_ctl --pgdata "$new" --silent --wait --options "-c listen_addresses=''" start > /dev/null
  # Values reach SQL as variables of psql, on standard input: ps shows neither.
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres << SQL
\set owner '$owner'
\set worker '$worker'
create role tasker login password :'owner';
create role tasker_worker login password :'worker';
create database tasker owner tasker;
\connect tasker
create schema tap;
create extension pgtap schema tap;
grant usage on schema tap to public;
set role tasker;
create extension pgmq;
grant usage on schema pgmq to tasker_worker;
grant select, insert, update, delete on all tables in schema pgmq to tasker_worker;
alter default privileges grant usage on schemas to tasker_worker;
alter default privileges grant select, insert, update, delete on tables to tasker_worker;
alter default privileges grant usage on sequences to tasker_worker;
SQL
  pg_ctl --pgdata "$new" --silent --wait stop
  mv "$new" "$PGDATA"
fi
exec postgres -c listen_addresses='*' "$@"

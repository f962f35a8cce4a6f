# A PostgreSQL for development, with PGMQ and pgTAP as extensions. Any other serves as well.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS pgmq
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv
ARG PIP_CERT
WORKDIR /pgmq
RUN python3 -m venv . \
 && bin/pip install --no-cache-dir --disable-pip-version-check --no-deps 'pgmq==1.1.4' \
 && cd lib/python3*/site-packages/pgmq/sql && version=$(cat pgmq.sql.version) \
 && mkdir /extension && cp pgmq.sql "/extension/pgmq--$version.sql" \
 && printf '%s\n' "comment = 'Message queues'" "default_version = '$version'" \
    'relocatable = false' 'schema = pgmq' 'superuser = false' > /extension/pgmq.control

FROM ${BASE}
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    postgresql-15 postgresql-15-pgtap \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/15 \
 && install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
COPY --from=pgmq /extension/ /usr/share/postgresql/15/extension/
COPY docker/database.sh /usr/local/bin/database
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data/cluster
USER postgres
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["pg_isready", "-q", "-h", "127.0.0.1"]
ENTRYPOINT ["database"]

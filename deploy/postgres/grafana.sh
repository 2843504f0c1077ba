#!/bin/sh
# Who may read the views? Grafana's login, through the role that `laurel migrate` grants them to.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$GRAFANA_PASSWORD" \
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE laurel_reader NOLOGIN;
CREATE ROLE grafana LOGIN PASSWORD :'password' IN ROLE laurel_reader;
ALTER ROLE grafana SET statement_timeout = '30s';
SQL

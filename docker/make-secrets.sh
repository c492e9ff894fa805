#!/usr/bin/env bash
# Makes ./secrets for docker-compose.yml: what is there already stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p secrets
# Nobody else gets in; within, the containers' users must be able to read what they are given.
chmod 700 secrets

make() {
    if [ ! -e "secrets/$1" ]; then
        head -c 32 /dev/urandom | od -A n -t x1 | tr -d ' \n' >"secrets/$1"
        chmod 644 "secrets/$1"
    fi
}

for name in webhook_secret kafka_password kafka_reader_password registry_reader_password \
    clickhouse_writer_password clickhouse_reader_password grafana_admin_password; do
    make "$name"
done
if [ ! -s secrets/registry_users ]; then
    hash=$(docker run --rm --interactive caddy:2.10.2 caddy hash-password <secrets/registry_reader_password)
    echo "reader $hash" >secrets/registry_users
    chmod 644 secrets/registry_users
fi
if [ ! -s secrets/github_token ]; then
    install -m 644 /dev/null secrets/github_token
    echo "Write a GitHub token into secrets/github_token, or remove token_file from docker/gapless.toml."
fi
echo "Enter at GitHub, as the webhook's secret, what stands in secrets/webhook_secret."

#!/usr/bin/env bash
# Starts Kafka with the passwords in /run/secrets, and lets `reader` read Gapless's topics, which is
# noted in the log, hence once is enough; doing it again changes nothing.
set -euo pipefail
password=$(</run/secrets/kafka_password)
reader_password=$(</run/secrets/kafka_reader_password)
for secret in "$password" "$reader_password"; do
    # They stand between quotes.
    if [[ ! $secret =~ ^[0-9A-Za-z]{16,}$ ]]; then
        echo "start.sh: Kafka's passwords need 16 or more letters and digits, and nothing else" >&2
        exit 1
    fi
done
login="org.apache.kafka.common.security.plain.PlainLoginModule required"
own="$login username=\"gapless\" password=\"$password\" user_gapless=\"$password\";"
export KAFKA_LISTENER_NAME_CLIENTS_PLAIN_SASL_JAAS_CONFIG=$own
export KAFKA_LISTENER_NAME_CONTROLLER_PLAIN_SASL_JAAS_CONFIG=$own
export KAFKA_LISTENER_NAME_READERS_PLAIN_SASL_JAAS_CONFIG="$login user_reader=\"$reader_password\";"

client=$(mktemp)
chmod 600 "$client"
cat >"$client" <<EOF
security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=$login username="gapless" password="$password";
EOF

allow() {
    KAFKA_HEAP_OPTS=-Xmx128m /opt/kafka/bin/kafka-acls.sh --bootstrap-server kafka:9092 \
        --command-config "$client" --add --allow-principal User:reader \
        --resource-pattern-type prefixed "$@"
}

(
    # What Gapless reads with has other groups: who may read with a group may move its offsets.
    until allow --operation Read --operation Describe --topic gapless. \
        && allow --operation Read --operation Describe --group reader.; do
        sleep 2
    done
    rm -f "$client"
) &
exec /etc/kafka/docker/run

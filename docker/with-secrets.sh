#!/usr/bin/env bash
# Runs a program that takes secrets from its environment only:
#   with-secrets.sh NAME=FILE… -- PROGRAM [ARGUMENT…]
# NAME is set to what FILE holds, for the program alone.
set -euo pipefail
while [ "$1" != -- ]; do
    value=$(<"${1#*=}")
    if [ -z "$value" ]; then
        echo "with-secrets.sh: ${1#*=} is empty" >&2
        exit 1
    fi
    export "${1%%=*}=$value"
    shift
done
shift
exec "$@"

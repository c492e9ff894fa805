# syntax=docker/dockerfile:1

# Gapless as one binary in a small image. Kafka, ClickHouse, the registry and Grafana are services
# of their own there (see docker-compose.yml), so neither Java nor npm is in it.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin gapless \
    && install -D target/release/gapless /out/gapless

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/gapless --create-home gapless
COPY --from=build /out/gapless /usr/local/bin/gapless
USER 10001:10001
WORKDIR /var/lib/gapless
VOLUME /var/lib/gapless
# The webhook's port, and the operator's: the second is for those who run it, never for the public.
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["gapless"]
CMD ["up"]

# Two images with nothing in them but the static binary and the certificates of the public authorities.
#
#   docker build -t sidethread .                            builds the binary in a container
#   .ci/image && docker build --target local -t sidethread .   takes the binary that was built here, and pulls nothing
#
# The settings are read from /etc/sidethread/sidethread.toml, the database is kept in the volume /var/lib/sidethread.

# The binary that `.ci/image` has built. A stage of its own before the others, so that no builder looks at those.
FROM scratch AS local
COPY target/image/root/ /
COPY --chown=65532:65532 target/image/state/ /var/lib/sidethread/
# Inside a container the proxy comes from another address.
ENV SIDETHREAD__SERVER__LISTEN=0.0.0.0:8080 \
    SIDETHREAD__DATABASE__URL=sqlite:///var/lib/sidethread/sidethread.db
# SQLite puts its temporary files here where there is no /tmp.
WORKDIR /var/lib/sidethread
VOLUME /var/lib/sidethread
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s \
    CMD ["/sidethread", "health", "--config", "/etc/sidethread/sidethread.toml"]
ENTRYPOINT ["/sidethread"]
CMD ["serve", "--config", "/etc/sidethread/sidethread.toml"]

FROM rust:1.95-alpine AS build
RUN apk add --no-cache build-base ca-certificates cmake linux-headers perl
WORKDIR /src
COPY . .
RUN cargo build --release --locked --no-default-features \
    && mkdir -p /image/root/etc/ssl/certs /image/state \
    && install -m 0755 target/release/sidethread /image/root/sidethread \
    && cp /etc/ssl/certs/ca-certificates.crt /image/root/etc/ssl/certs/

FROM scratch
COPY --from=build /image/root/ /
COPY --from=build --chown=65532:65532 /image/state/ /var/lib/sidethread/
ENV SIDETHREAD__SERVER__LISTEN=0.0.0.0:8080 \
    SIDETHREAD__DATABASE__URL=sqlite:///var/lib/sidethread/sidethread.db
WORKDIR /var/lib/sidethread
VOLUME /var/lib/sidethread
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s \
    CMD ["/sidethread", "health", "--config", "/etc/sidethread/sidethread.toml"]
ENTRYPOINT ["/sidethread"]
CMD ["serve", "--config", "/etc/sidethread/sidethread.toml"]

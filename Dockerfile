# The image of the service: one binary, one user without rights, nothing else that is not needed at run time.

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The caches outlive a build: a change of our own code compiles nothing else again. Our own code always is: cargo goes by
# the time of a file, and a checkout that is older than the last build may hold other code.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + \
    && cargo build --release --locked --bin dingtalk-sso \
    && install -D target/release/dingtalk-sso /out/dingtalk-sso

FROM debian:bookworm-slim
# ca-certificates: the platform, rediss:// and TLS databases are verified by it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 sso \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/dingtalk-sso --shell /usr/sbin/nologin sso \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/dingtalk-sso /var/lib/dingtalk-sso/data
COPY --from=build /out/dingtalk-sso /usr/local/bin/dingtalk-sso
COPY --chmod=755 deploy/healthcheck /usr/local/bin/healthcheck

# By number, so that an orchestrator can see that it is not root. The file system may be read-only; with SQLite, mount
# a volume on /var/lib/dingtalk-sso/data: there the database and the master key made for it are kept.
USER 10001:10001
WORKDIR /var/lib/dingtalk-sso
ENV SSO_HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/usr/local/bin/healthcheck"]
ENTRYPOINT ["/usr/local/bin/dingtalk-sso"]
CMD ["serve"]

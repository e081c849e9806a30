# The five images: docker build --target worker|streamer|dashboard|profiles|nats
# (make images builds and tags them all). Each holds one static binary, the user
# it runs as and CA certificates; tools/images makes the same without Docker.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG VERSION=unknown
ARG TARGETOS=linux
ARG TARGETARCH=amd64
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH make image-binaries VERSION="$VERSION" && \
    go run -C tools/images . rootfs /src/bin/rootfs

FROM scratch AS base
COPY --from=build /src/bin/rootfs/ /
ENV PATH=/usr/local/bin
USER 65532:65532
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.created=$CREATED \
      org.opencontainers.image.source="https://github.com/cis490/profiles" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM base AS worker
LABEL org.opencontainers.image.title="profile-worker" \
      org.opencontainers.image.description="Turns accepted episodes into curves and curves into envelopes"
COPY --from=build /src/bin/linux/profile-worker /usr/local/bin/profile-worker
ENTRYPOINT ["/usr/local/bin/profile-worker"]

FROM base AS streamer
LABEL org.opencontainers.image.title="profile-streamer" \
      org.opencontainers.image.description="Publishes envelopes as events"
COPY --from=build /src/bin/linux/profile-streamer /usr/local/bin/profile-streamer
ENTRYPOINT ["/usr/local/bin/profile-streamer"]

FROM base AS dashboard
LABEL org.opencontainers.image.title="profile-dashboard" \
      org.opencontainers.image.description="Serves the page of all envelopes, live"
COPY --from=build /src/bin/linux/profile-dashboard /usr/local/bin/profile-dashboard
ENTRYPOINT ["/usr/local/bin/profile-dashboard"]

FROM base AS profiles
LABEL org.opencontainers.image.title="profiles" \
      org.opencontainers.image.description="The operator's command: emit, fit, status, export, topology"
COPY --from=build /src/bin/linux/profiles /usr/local/bin/profiles
ENTRYPOINT ["/usr/local/bin/profiles"]

FROM base AS nats
LABEL org.opencontainers.image.title="profiles-nats" \
      org.opencontainers.image.description="The NATS server that the services are tested with"
COPY --from=build /src/bin/linux/nats-server /usr/local/bin/nats-server
ENTRYPOINT ["/usr/local/bin/nats-server"]

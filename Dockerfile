# The five images, built by docker build --target worker|streamer|dashboard|profiles|nats. Each holds a static binary, that
# of NATS two, and licences, and nothing else; it runs as user 65532. make images builds the same images with ko and needs no
# Docker.

# The only image of others, and only for compiling. A release's own tag does not move on purpose; a digest cannot:
#   docker buildx imagetools inspect golang:1.26.8 --format '{{.Manifest.Digest}}'
#   docker build --build-arg GO_IMAGE=golang:1.26.8@sha256:... --target worker .
ARG GO_IMAGE=golang:1.26.8
FROM --platform=$BUILDPLATFORM $GO_IMAGE AS build
WORKDIR /src
COPY . .
ARG VERSION=unknown
ARG TARGETOS=linux
ARG TARGETARCH=amd64
# The NATS server is named v2 as ko names it, by the last element of its import path.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    make build OUT=/ko-app/ VERSION="$VERSION" && \
    CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /ko-app/v2 github.com/nats-io/nats-server/v2

FROM scratch AS base
COPY --from=build /ko-app/THIRD-PARTY-LICENSES /THIRD-PARTY-LICENSES
ENV PATH=/ko-app
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
COPY --from=build /ko-app/profile-worker /ko-app/profile-worker
ENTRYPOINT ["/ko-app/profile-worker"]

FROM base AS streamer
LABEL org.opencontainers.image.title="profile-streamer" \
      org.opencontainers.image.description="Publishes envelopes as events"
COPY --from=build /ko-app/profile-streamer /ko-app/profile-streamer
ENTRYPOINT ["/ko-app/profile-streamer"]

FROM base AS dashboard
LABEL org.opencontainers.image.title="profile-dashboard" \
      org.opencontainers.image.description="Serves the page of all envelopes and keeps it current"
COPY --from=build /ko-app/profile-dashboard /ko-app/profile-dashboard
ENTRYPOINT ["/ko-app/profile-dashboard"]

FROM base AS profiles
LABEL org.opencontainers.image.title="profiles" \
      org.opencontainers.image.description="The command of operators"
COPY --from=build /ko-app/profiles /ko-app/profiles
ENTRYPOINT ["/ko-app/profiles"]

FROM base AS nats
LABEL org.opencontainers.image.title="profiles-nats" \
      org.opencontainers.image.description="The NATS server that the services are tested with"
COPY --from=build /ko-app/v2 /ko-app/v2
COPY --from=build /ko-app/nats-health /ko-app/nats-health
ENTRYPOINT ["/ko-app/v2"]

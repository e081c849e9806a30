#!/bin/sh
# Builds the container images with ko: "images.sh archive" writes bin/images/*.tar, "images.sh push" pushes to a
# registry, with the credentials of docker login. make sets the variables; a build of one commit gives the same bytes.
set -eu
cd "$(dirname "$0")/../.."
export KO_CONFIG_PATH=tools/ko KOCACHE="$PWD/bin/ko" SOURCE_DATE_EPOCH

# ko finds its base image in its cache (see .ko.yaml).
rm -rf bin/ko/img
mkdir -p bin/ko bin/images
cp -R tools/ko/scratch bin/ko/img

# image NAME PACKAGE DESCRIPTION builds one image and prints its name and digest. ko's log is shown if it fails.
image() {
	case $mode in
	archive) to="--push=false --tarball bin/images/$1.tar" ;;
	push) to=--push ;;
	*) echo "usage: images.sh archive|push" >&2; exit 2 ;;
	esac
	oci=org.opencontainers.image
	KO_DOCKER_REPO="$IMAGE_PREFIX/$1" go tool -modfile=tools/ko/go.mod ko build "$2" $to \
		--bare --tags "$IMAGE_TAG" --sbom none --platform "linux/$(go env GOARCH)" --image-user 65532:65532 \
		--ldflags "$LDFLAGS" \
		--image-label "$oci.title=$1" --image-label "$oci.description=$3" \
		--image-label "$oci.version=$VERSION" --image-label "$oci.revision=$REVISION" \
		--image-label "$oci.created=$CREATED" \
		--image-label "$oci.source=https://github.com/cis490/profiles" --image-label "$oci.licenses=Apache-2.0" \
		2>bin/ko/log || { cat bin/ko/log >&2; exit 1; }
}

mode=${1:-}
image profile-worker ./cmd/profile-worker "Turns accepted episodes into curves and curves into envelopes"
image profile-streamer ./cmd/profile-streamer "Publishes envelopes as events"
image profile-dashboard ./cmd/profile-dashboard "Serves the page of all envelopes and keeps it current"
image profiles ./cmd/profiles "The command of operators"
image profiles-nats github.com/nats-io/nats-server/v2 "The NATS server that the services are tested with"

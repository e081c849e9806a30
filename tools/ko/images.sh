#!/bin/sh
# Builds the container images with ko: "images.sh archive" writes bin/images/*.tar. "images.sh push" pushes to a
# registry, with the credentials of docker login, and writes the folder PUSHED, a component of kustomize that names
# what was pushed by digest. make sets the variables; a build of one commit gives the same bytes.
set -eu
cd "$(dirname "$0")/../.."
export KOCACHE="$PWD/bin/ko" SOURCE_DATE_EPOCH
arch=$(go env GOARCH)
unset GOOS GOARCH # the tools run on this machine
mode=${1:-}
case $mode in archive | push) ;; *) echo "usage: images.sh archive|push" >&2; exit 2 ;; esac

# ko takes base images from its cache, where it finds them by their digests, and so pulls nothing.
rm -rf bin/ko/img
mkdir -p bin/ko bin/images

# image NAME DESCRIPTION PACKAGE [PACKAGE] builds one image and prints its name and digest. Its entrypoint is the
# program of the first package. That of the second stands beside it. ko's log is shown if it fails.
image() {
	name=$1 description=$2 package=$3
	shift 2
	GOOS=linux GOARCH=$arch tools/licences.sh "bin/ko/$name.licences" "$@"
	shift
	beside=
	for other; do
		CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags "$LDFLAGS" -o bin/ko/beside/ "$other"
		beside="$KOCACHE/beside/${other##*/}=/ko-app/${other##*/}"
	done
	# No base image of others is needed: the binaries are static, and carry CA certificates themselves.
	base=$(go tool -C tools/ko base "$KOCACHE/img" "$arch" "$KOCACHE/$name.licences=/THIRD-PARTY-LICENSES" ${beside:+"$beside"})

	to=--push
	[ "$mode" = push ] || to="--push=false --tarball bin/images/$name.tar"
	oci=org.opencontainers.image
	built=$(KO_DEFAULTBASEIMAGE="localhost/base@$base" KO_DOCKER_REPO="$IMAGE_PREFIX/$name" \
		go tool -modfile=tools/ko/go.mod ko build "$package" $to \
		--bare --tags "$IMAGE_TAG" --sbom none --platform "linux/$arch" --image-user 65532:65532 \
		--ldflags "$LDFLAGS" \
		--image-label "$oci.title=$name" --image-label "$oci.description=$description" \
		--image-label "$oci.version=$VERSION" --image-label "$oci.revision=$REVISION" \
		--image-label "$oci.created=$CREATED" \
		--image-label "$oci.source=https://github.com/cis490/profiles" --image-label "$oci.licenses=Apache-2.0" \
		2>bin/ko/log) || { cat bin/ko/log >&2; exit 1; }
	echo "$built"
	echo "  - {name: ghcr.io/cis490/$name, newName: $IMAGE_PREFIX/$name, digest: ${built#*@}}" >>bin/ko/built
}

cat >bin/ko/built <<END
# The images of $VERSION by their digests. make images-push writes this file.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
END
image profile-worker "Turns accepted episodes into curves and curves into envelopes" ./cmd/profile-worker
image profile-streamer "Publishes envelopes as events" ./cmd/profile-streamer
image profile-dashboard "Serves the page of all envelopes and keeps it current" ./cmd/profile-dashboard
image profiles "The command of operators" ./cmd/profiles
image profiles-nats "The NATS server that the services are tested with" github.com/nats-io/nats-server/v2 ./cmd/nats-health
if [ "$mode" = push ]; then
	mkdir -p "$PUSHED"
	mv bin/ko/built "$PUSHED/kustomization.yaml"
	echo "written: $PUSHED/kustomization.yaml"
fi

#!/usr/bin/env bash
# "build.sh OUTPUT PACKAGE [FLAGS]" builds a command like go build and shows progress. On a new machine a build takes
# about a minute, and go build prints nothing meanwhile.
set -euo pipefail
output=$1 package=$2
shift 2

# progress reads what go prints. It counts modules and packages; other lines, such as errors, it prints unchanged.
progress() {
	local count=0 line
	while IFS= read -r line; do
		case $line in
		"go: downloading "*) count=$((count + 1)) && show "downloading modules: $count, ${line#go: downloading }" "$count" ;;
		*" "*) show "" 0 && echo "$line" >&2 ;;
		*) count=$((count + 1)) && show "compiling: $count of $total, $line" "$count" ;;
		esac
	done
	show "" 0
}

# show replaces the line on the terminal. Without a terminal it prints each fiftieth line.
show() {
	if [ -t 2 ]; then
		printf '\r\033[K%.79s' "$1" >&2
	elif [ -n "$1" ] && [ $(($2 % 50)) = 0 ]; then
		echo "$1" >&2
	fi
}

# The packages that are not in Go's cache.
stale=$(mktemp)
trap 'rm -f "$stale"' EXIT
if ! [ -d "$(go env GOMODCACHE)/cache/download/github.com/nats-io" ]; then
	echo "downloading modules: about 135 MB, the first time only" >&2
fi
go list "$@" -deps -f '{{if .Stale}}{{.ImportPath}}{{end}}' "$package" 2>&1 >"$stale" | progress
total=$(grep -c . "$stale" || true)

if [ "$total" -gt 100 ]; then
	echo "compiling $total packages: about a minute on two cores, the first time only" >&2
	go build -v "$@" -o "$output" "$package" 2>&1 | progress
else
	go build "$@" -o "$output" "$package"
fi

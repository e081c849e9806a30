#!/bin/sh
# fused.sh PACKAGE...: fails if the compiler makes one instruction of a product and a sum
# somewhere in the packages. The result of that has other digits than on a processor
# without such an instruction. On arm64 the compiler does it wherever the language allows,
# so the packages are compiled for that, whatever this machine is.
set -eu
listing=$(mktemp)
trap 'rm -f "$listing"' EXIT
if ! GOARCH=arm64 CGO_ENABLED=0 go build -gcflags=-S "$@" >"$listing" 2>&1; then
	tail -n 20 "$listing" >&2
	exit 1
fi
if ! grep -q 'FADDD' "$listing"; then
	echo "the listing of $* for arm64 has no sum at all: this script cannot read it" >&2
	exit 1
fi
if grep -E 'FN?M(ADD|SUB)[DS]' "$listing"; then
	echo "these products are fused with a sum: write float64(x*y)" >&2
	exit 1
fi

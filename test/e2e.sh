#!/usr/bin/env bash
# Tests the binaries from accepted episodes to the saved fit: `profiles up` with its
# embedded NATS, and more workers and a streamer beside it, one of which is killed
# while it works. At the end the live envelopes must equal the batch fit.
# Usage: test/e2e.sh BIN_DIR RECORDED_DIR
set -euo pipefail

bin=$(realpath "$1")
recorded=$(realpath "$2")
work=$(mktemp -d)
trap 'kill -- $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"

say() { printf -- '--- %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 20 ./*.log >&2; exit 1; }

say "a synthetic store of 600 episodes"
"$bin/profiles" synth --episodes-per-profile 100 --seed 7 --out synthetic
"$bin/profiles" synth --episodes-per-profile 1 --seed 7 --out first # the first of each profile
cat > spec.yaml <<'YAML'
target: 40
YAML

say "the system in one process, with six of them"
"$bin/profiles" up --nats 127.0.0.1:0 --listen 127.0.0.1:0 --store synthetic/store --validation first/validation.parquet \
	--spec spec.yaml --log-level info > up.out 2> up.log &
up=$!
until NATS_URL=$(grep -om1 'nats://[0-9.:]*' up.out up.log 2>/dev/null | head -n 1 | cut -d: -f2-) && [ -n "$NATS_URL" ]; do
	kill -0 $up || fail "up ended"
	read -rt 0.1 <> <(:) || true
done
export NATS_URL EPISODE_STORE=synthetic/store FIT_SPEC=spec.yaml

say "two more workers and a streamer at $NATS_URL; one worker is killed while 594 more episodes are accepted"
ALIGN_ACK_WAIT=3s LISTEN=127.0.0.1:0 "$bin/profile-worker" 2> worker-1.log &
doomed=$!
ALIGN_ACK_WAIT=3s LISTEN=127.0.0.1:0 "$bin/profile-worker" 2> worker-2.log &
LISTEN=127.0.0.1:0 "$bin/profile-streamer" 2> streamer.log &
"$bin/profiles" emit --store synthetic/store --validation synthetic/validation.parquet
kill -9 $doomed
wait $doomed 2> /dev/null || true

say "wait until all is settled, export, and fit the same episodes in one batch"
"$bin/profiles" status --wait --timeout 2m
"$bin/profiles" export --fit-out live.parquet
"$bin/profiles" fit --spec spec.yaml --store synthetic/store --validation synthetic/validation.parquet --fit-out batch.parquet
cmp live.parquet batch.parquet || fail "the live envelopes differ from the batch fit"

say "exit codes"
expect() {
	local want=$1 got=0
	shift
	"$@" > out 2> err || got=$?
	[ "$got" = "$want" ] || fail "$* ended with $got, not $want"
	[ "$want" = 0 ] || [ "$(wc -l < err)" = 1 ] || fail "$* printed more or less than one line: $(cat err)"
}
episode=$(find "$recorded/store" -name '*.tar.zst' | sort | head -n 1)
head -c 5000 "$episode" > cut.tar.zst
expect 0 "$bin/profiles" curve "$episode" --channel proc.cpu_user_jiffies --json
expect 1 "$bin/profiles" status --nats nats://127.0.0.1:1
expect 2 "$bin/profiles" fit --no-such-flag
expect 2 "$bin/profile-streamer" --also-perf-latency-us 3
expect 3 "$bin/profiles" curve "$episode" --channel proc.no_such_field
expect 4 "$bin/profiles" curve cut.tar.zst --channel proc.cpu_user_jiffies

say "end with SIGTERM"
kill -TERM $up
wait $up || fail "up ended with $?"
echo "end to end: 1 passed, 0 failed"

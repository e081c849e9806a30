package bus

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
)

// Limits, so that a sender who floods one stream does not fill the storage of the server: then no
// bucket could be written. docs/OPERATIONS.md says how large a server must be ("Storage").
const (
	// maxNoticeBytes is the most that a message of the log may have, with its headers. A notice
	// with the longest names has less than 1 KiB.
	maxNoticeBytes = 4 << 10

	defaultLogBytes = 1 << 30 // about 4 million messages
	rejectedBytes   = 64 << 20
	suspectsBytes   = 16 << 20
	dashboardBytes  = 128 << 20
)

// mendedBytes returns the limit in bytes of a stream that exists. Without a limit it gets that of
// want. A limit that somebody has chosen stays, unless exact is true. The log refuses messages if it
// is full, so a log that was made without a limit gets room for as much as it has already.
func mendedBytes(have *jetstream.StreamInfo, want jetstream.StreamConfig, exact bool) int64 {
	switch {
	case want.MaxBytes <= 0:
		return want.MaxBytes
	case have.Config.MaxBytes > 0 && !exact:
		return have.Config.MaxBytes
	case want.Discard == jetstream.DiscardNew && !exact:
		return max(want.MaxBytes, 2*int64(have.State.Bytes))
	}
	return want.MaxBytes
}

// explainFull adds to the error of a publish what to do if the log is full.
func explainFull(err error) error {
	if errors.Is(err, client.ErrFull) {
		return fmt.Errorf("%w: the log takes no more messages; give it more room with NATS_LOG_BYTES (docs/OPERATIONS.md, \"Storage\")", err)
	}
	return err
}

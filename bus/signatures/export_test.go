package signatures

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cis490/profiles/signature"
)

// For the tests of this package, which are in package signatures_test.
var (
	Assemble    = assemble
	ParseScores = parseScores
)

// PartSnapshots is the name of the part with the snapshots.
const PartSnapshots = partSnapshots

// EncodeParts returns the parts of a signature of two channels, with one snapshot.
func EncodeParts(t testing.TB, summary signature.Summary, stamp Stamp, at time.Time) map[string][]byte {
	t.Helper()
	parts := map[string][]byte{}
	for name, part := range map[string]any{
		partHead:           headPart{stamp, summary.Used, summary.Curve, summary.Trust, len(summary.Channels)},
		partHosts:          hostsPart{stamp, summary.Hosts},
		partSnapshots:      snapshotsPart{stamp, []signature.Snapshot{summary.Snapshot(at, 6)}},
		channelPartName(0): channelPart{stamp, summary.Channels[0]},
		channelPartName(1): channelPart{stamp, summary.Channels[1]},
	} {
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts[name] = text
	}
	return parts
}

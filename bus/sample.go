package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// ErrSampleTooLarge means that the entries of a profile take more bytes than a SampleReader may read.
var ErrSampleTooLarge = errors.New("the entries of the profile take too many bytes")

// A SampleReader reads the sample of one profile of a generation, without a consumer and without the right to ask a leader.
// The second Read asks only for what was stored since the first. It is not safe for concurrent use.
//
// A server that lags may answer, so the sample may be an earlier one: its digest shows that.
type SampleReader struct {
	bus      *Bus
	subject  string // of all keys of the profile
	prefix   string // of each of these subjects
	points   int
	maxBytes int64

	sample *fit.Sample
	seq    uint64 // of the last message that was read
	bytes  int64  // about how much the sample takes
}

// NewSampleReader starts nothing. target and points are those of the generation's spec. maxBytes bounds what is read and kept.
func (b *Bus) NewSampleReader(gen fit.Generation, p fit.ProfileName, target, points int, maxBytes int64) *SampleReader {
	prefix := client.KeySubject(CurvesBucket, string(gen)+"."+string(p)+".")
	return &SampleReader{bus: b, subject: prefix + "*", prefix: prefix, points: points, maxBytes: maxBytes, sample: fit.NewSample(target)}
}

// entryBytes is about what a sample keeps of an entry whose curve it does not need.
const entryBytes = 256

// Read reads on. After an error the next Read goes on where this one ended, except after ErrSampleTooLarge: then the reader is
// of no use any more.
func (r *SampleReader) Read(ctx context.Context) error {
	return r.bus.ReadReplica(ctx, client.BucketStream(CurvesBucket), r.subject, r.seq+1, func(msg *jetstream.RawStreamMsg) error {
		r.put(msg)
		r.seq = msg.Sequence
		if r.bytes > r.maxBytes {
			return fmt.Errorf("%w: more than %d", ErrSampleTooLarge, r.maxBytes)
		}
		return ctx.Err()
	})
}

// put puts the entry of a message into the sample. It ignores a message that is no valid entry: workers report that, and mend it.
func (r *SampleReader) put(msg *jetstream.RawStreamMsg) {
	rank, err := fit.ParseRank(msg.Subject[len(r.prefix):])
	if err != nil {
		return
	}
	entry, err := fit.DecodeEntry(msg.Data)
	if err != nil || entry.ValidateCurve(r.points) != nil {
		return
	}
	r.bytes += entryBytes
	if entry.State == fit.StateCurve && r.sample.Needed(rank) {
		r.bytes += int64(len(msg.Data))
	}
	r.sample.Put(rank, entry)
}

// Sample returns the sample as it was read. It belongs to the reader.
func (r *SampleReader) Sample() *fit.Sample { return r.sample }

// Bytes returns about how many bytes of memory the sample takes.
func (r *SampleReader) Bytes() int64 { return r.bytes }

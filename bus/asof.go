package bus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cis490/profiles/bus/client"
)

// PutAsOf stores a value that was computed from bucket curves as of asOf, unless a
// later one is there, and reports whether it did. data is a JSON object that has
// asOf in its field "as_of".
//
// Values of another incarnation of the curves stream are void. If asOf itself is of
// an incarnation that is not the present one, the result is
// client.ErrStreamReplaced. If asOf, or the value that is there, is beyond the end
// of the curves stream, the stream lost its end: client.ErrStreamTruncated.
func (b *Bus) PutAsOf(ctx context.Context, bucket, key string, data []byte, asOf client.AsOf) (bool, error) {
	curves := func() (client.AsOf, error) { return b.End(ctx, client.BucketStream(CurvesBucket)) }
	revision, err := b.Update(ctx, client.BucketStream(bucket), client.KeySubject(bucket, key), func(have client.Value) (*client.Write, error) {
		later, err := isLater(have, asOf, curves)
		if later || err != nil {
			return nil, err
		}
		return &client.Write{Data: data}, nil
	})
	return revision > 0, err
}

// isLater reports whether a stored value is later than asOf and must stay. curves
// asks for the end of the curves stream.
func isLater(have client.Value, asOf client.AsOf, curves func() (client.AsOf, error)) (bool, error) {
	var stored struct {
		AsOf client.AsOf `json:"as_of"`
	}
	if !have.Exists || json.Unmarshal(have.Data, &stored) != nil {
		return false, nil // nothing is there, or another program wrote it
	}
	if stored.AsOf.Incarnation == asOf.Incarnation && stored.AsOf.Seq <= asOf.Seq {
		return false, nil
	}
	// This is rare, so only now the stream is asked: either the stored value is void, or
	// asOf is old.
	end, err := curves()
	switch {
	case err != nil:
		return false, err
	case end.Incarnation != asOf.Incarnation:
		return false, fmt.Errorf("write as of %s: %w", asOf.Incarnation, client.ErrStreamReplaced)
	case end.Seq < asOf.Seq, stored.AsOf.Incarnation == end.Incarnation && end.Seq < stored.AsOf.Seq:
		return false, fmt.Errorf("write as of %d: the curves end at %d, a stored value is as of %d: %w", asOf.Seq, end.Seq, stored.AsOf.Seq, client.ErrStreamTruncated)
	}
	return stored.AsOf.Incarnation == end.Incarnation, nil
}

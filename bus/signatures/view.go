package signatures

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// A Version identifies one stored state of a signature or of scores. Two states have
// different versions, also in two incarnations of the bucket. The zero value means that
// nothing was stored.
type Version struct {
	Digest   fit.Digest // of the sample or samples that it was computed from
	Revision uint64     // of its message in the bucket
	storedAt int64      // nanoseconds since 1970, by the server's clock
}

// newVersion has no digest where another program wrote the message.
func newVersion(data []byte, revision uint64, storedAt time.Time) Version {
	var stamp Stamp
	_ = json.Unmarshal(data, &stamp)
	return Version{stamp.Digest, revision, storedAt.UnixNano()}
}

// ReadVersion returns the version of a signature's last message. It costs little
// compared with Read. While the version stays, so does the signature, unless another
// program deletes a part without a trace.
func ReadVersion(ctx context.Context, b *bus.Bus, gen fit.Generation, p fit.ProfileName) (Version, error) {
	msg, found, err := b.LastMsgFromLeader(ctx, client.BucketStream(bus.SignaturesBucket), client.KeySubject(bus.SignaturesBucket, partKey(gen, p, "*")))
	if err != nil || !found {
		return Version{}, err
	}
	return newVersion(msg.Data, msg.Sequence, msg.Time), nil
}

// Versions is a view of the versions of all signatures and scores. The values
// themselves stay in the bucket: Read and ReadScores read them. It is safe for
// concurrent use.
type Versions struct {
	view *client.View[map[string]Version]
}

// OpenVersions returns when the view's first snapshot is complete. Run must follow.
func OpenVersions(ctx context.Context, b *bus.Bus) (*Versions, error) {
	view, err := client.OpenView(ctx, b.Client, bus.SignaturesBucket, ">", client.Fold[map[string]Version]{
		New: func() map[string]Version { return map[string]Version{} },
		Apply: func(all map[string]Version, kv jetstream.KeyValueEntry) {
			if !strings.HasSuffix(kv.Key(), "."+partHead) && !strings.HasSuffix(kv.Key(), "."+partScores) {
				return
			}
			if kv.Operation() == jetstream.KeyValuePut {
				all[kv.Key()] = newVersion(kv.Value(), kv.Revision(), kv.Created())
			} else {
				delete(all, kv.Key())
			}
		},
	})
	return &Versions{view}, err
}

// Run keeps the view up to date until ctx ends.
func (v *Versions) Run(ctx context.Context) error { return v.view.Run(ctx) }

// Reached waits until the view has seen a sequence, for at most limit; then the error is
// client.ErrLagging.
func (v *Versions) Reached(ctx context.Context, seq uint64, limit time.Duration) error {
	return v.view.Reached(ctx, seq, limit)
}

// Check returns client.ErrStreamReplaced where the bucket is not the one that the view
// follows.
func (v *Versions) Check(ctx context.Context) error { return v.view.Check(ctx) }

// Changed returns a channel that is closed at the next change.
func (v *Versions) Changed() <-chan struct{} { return v.view.Changed() }

// Signature returns the version of the head of a profile's signature. Its other parts
// were stored before, so Read finds them, or those of a later signature.
func (v *Versions) Signature(gen fit.Generation, p fit.ProfileName) Version {
	return v.get(partKey(gen, p, partHead))
}

// Scores returns the version of a generation's scores.
func (v *Versions) Scores(gen fit.Generation) Version { return v.get(scoresKey(gen)) }

func (v *Versions) get(key string) (version Version) {
	v.view.Read(func(all map[string]Version, _ client.AsOf) { version = all[key] })
	return version
}

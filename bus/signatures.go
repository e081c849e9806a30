package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// A Signature is what bucket signatures keeps of a profile: the summary of the
// sample that the digest names, and earlier ones to tell the drift from.
type Signature struct {
	signature.Summary
	Snapshots []signature.Snapshot // the oldest first
	Digest    fit.Digest
	AsOf      AsOf
	UpdatedAt time.Time

	Generation fit.Generation
	Profile    fit.ProfileName
}

// Drift is how far the signature is from each of its snapshots.
func (s Signature) Drift() []signature.Drift {
	drift := make([]signature.Drift, len(s.Snapshots))
	for i, then := range s.Snapshots {
		drift[i] = s.DriftFrom(then)
	}
	return drift
}

// A signature is kept in parts, so that none passes a message's size: a channel
// each, the hosts, the snapshots, and a head with the rest. The head is written
// after the others; all of one digest are of one sample.
const (
	partHead      = "head"
	partHosts     = "hosts"
	partSnapshots = "snapshots"
	partChannel   = "channel-" // and its place in the spec
)

// A stamp tells what a part was computed from.
type stamp struct {
	Digest    fit.Digest `json:"digest"`
	AsOf      AsOf       `json:"as_of"`
	UpdatedAt time.Time  `json:"updated_at"`
}

type (
	headPart struct {
		stamp
		Used     int             `json:"used"`
		Curve    signature.Band  `json:"curve"`
		Trust    signature.Trust `json:"trust"`
		Channels int             `json:"channels"`
	}
	channelPart struct {
		stamp
		signature.Channel
	}
	hostsPart struct {
		stamp
		signature.Hosts
	}
	snapshotsPart struct {
		stamp
		Snapshots []signature.Snapshot `json:"snapshots"`
	}
)

func signatureKey(gen fit.Generation, p fit.ProfileName, part string) string {
	return envelopeKey(gen, p) + "." + part
}

func channelName(i int) string { return partChannel + strconv.Itoa(i) }

// WriteSignature stores a profile's summary, part by part, by the rule of
// WriteEnvelope, and takes a snapshot where one is due. A writer that ends
// between two parts leaves a signature that is not whole; the next one mends it.
// It reports whether all was written: false where a later one is there, or is
// being written.
func (b *Bus) WriteSignature(ctx context.Context, gen fit.Generation, p fit.ProfileName, summary signature.Summary, from Sampled, now time.Time) (bool, error) {
	st := stamp{Digest: from.Digest, AsOf: from.AsOf, UpdatedAt: now.UTC()}
	write := func(name string, part any) (bool, error) {
		data, err := json.Marshal(part)
		if err != nil {
			return false, fmt.Errorf("encode part %s of the signature of %s: %w", name, p, err)
		}
		return b.write(ctx, SignaturesBucket, signatureKey(gen, p, name), data, from.AsOf)
	}
	written, err := write(partHosts, hostsPart{st, summary.Hosts})
	for i, c := range summary.Channels {
		if err == nil && written {
			written, err = write(channelName(i), channelPart{st, c})
		}
	}
	if err != nil || !written {
		return false, err
	}
	if err := b.snapshot(ctx, gen, p, summary, from, st); err != nil {
		return false, err
	}
	return write(partHead, headPart{st, summary.Used, summary.Curve, summary.Trust, len(summary.Channels)})
}

// snapshot adds one to those kept where it is due. It is dated by the server's
// clock, as the part that was written just before tells it: one worker's may be
// years from another's.
func (b *Bus) snapshot(ctx context.Context, gen fit.Generation, p fit.ProfileName, summary signature.Summary, from Sampled, st stamp) error {
	if summary.Used == 0 {
		return nil
	}
	now, err := b.lastNow(ctx, bucketStream(SignaturesBucket), keySubject(SignaturesBucket, signatureKey(gen, p, partHosts)))
	if err != nil {
		return err
	}
	subject := keySubject(SignaturesBucket, signatureKey(gen, p, partSnapshots))
	for read := b.last; ; read = b.lastNow {
		v, err := read(ctx, bucketStream(SignaturesBucket), subject)
		if err != nil {
			return err
		}
		var earlier []signature.Snapshot
		if v.live {
			earlier = snapshotsIn(v.data, summary)
		}
		if !signature.Due(earlier, now.at, from.Accepted) {
			return nil
		}
		data, err := json.Marshal(snapshotsPart{st, signature.Keep(earlier, summary.Snapshot(now.at.UTC(), from.Accepted))})
		if err != nil {
			return fmt.Errorf("encode the snapshots of %s: %w", p, err)
		}
		_, err = b.swap(ctx, subject, data, v.rev, nil)
		if !isConflict(err) {
			return err
		}
		if err := pause(ctx, conflictPause); err != nil {
			return err
		}
	}
}

// ReadSignature returns the stored signature; false: there is none, or none that
// is whole yet.
func (b *Bus) ReadSignature(ctx context.Context, gen fit.Generation, p fit.ProfileName) (Signature, bool, error) {
	parts := map[string][]byte{}
	prefix := keySubject(SignaturesBucket, signatureKey(gen, p, ""))
	_, err := b.readAll(ctx, bucketStream(SignaturesBucket), prefix+"*", func(msg *jetstream.RawStreamMsg) error {
		parts[strings.TrimPrefix(msg.Subject, prefix)] = msg.Data
		return nil
	})
	if err != nil {
		return Signature{}, false, err
	}
	s, ok := assemble(gen, p, func(part string) []byte { return parts[part] })
	return s, ok, nil
}

// A Mark tells one writing of a signature, or of a generation's scores, from
// another, in any life of the bucket. The zero value: there is none.
type Mark struct {
	Digest   fit.Digest // of what it was computed from
	Revision uint64     // of its message in the bucket
	at       int64      // when that was stored, in nanoseconds
}

// newMark is zero but for the place where a message is no part of ours.
func newMark(data []byte, revision uint64, at time.Time) Mark {
	var st stamp
	_ = json.Unmarshal(data, &st)
	return Mark{st.Digest, revision, at.UnixNano()}
}

// MarkSignature returns the mark of a signature's last message, at a small part of
// what reading all costs. While it stays, so does the signature, unless somebody
// takes a part away and leaves no trace of it.
func (b *Bus) MarkSignature(ctx context.Context, gen fit.Generation, p fit.ProfileName) (Mark, error) {
	msg, found, err := b.leaderLast(ctx, bucketStream(SignaturesBucket), keySubject(SignaturesBucket, signatureKey(gen, p, "*")))
	if err != nil || !found {
		return Mark{}, err
	}
	return newMark(msg.Data, msg.Sequence, msg.Time), nil
}

// assemble puts the parts of one digest together; false where some are missing.
func assemble(gen fit.Generation, p fit.ProfileName, get func(part string) []byte) (Signature, bool) {
	read := func(part string, into any) bool {
		data := get(part)
		return data != nil && json.Unmarshal(data, into) == nil
	}
	var head headPart
	var hosts hostsPart
	if !read(partHead, &head) || !read(partHosts, &hosts) || hosts.Digest != head.Digest {
		return Signature{}, false
	}
	s := Signature{
		Summary: signature.Summary{Used: head.Used, Curve: head.Curve, Trust: head.Trust, Hosts: hosts.Hosts, Channels: []signature.Channel{}},
		Digest:  head.Digest, AsOf: head.AsOf, UpdatedAt: head.UpdatedAt, Generation: gen, Profile: p,
	}
	for i := range head.Channels {
		var c channelPart
		if !read(channelName(i), &c) || c.Digest != head.Digest {
			return Signature{}, false
		}
		s.Channels = append(s.Channels, c.Channel)
	}
	s.Snapshots = snapshotsIn(get(partSnapshots), s.Summary)
	return s, true
}

// snapshotsIn returns the snapshots of a part that have the points and channels of a
// summary. Somebody else wrote the others, and kept they could fill the part until no
// message holds it.
func snapshotsIn(data []byte, of signature.Summary) []signature.Snapshot {
	var part snapshotsPart
	if json.Unmarshal(data, &part) != nil {
		return nil
	}
	points := len(of.Curve.Median)
	return slices.DeleteFunc(part.Snapshots, func(s signature.Snapshot) bool {
		return len(s.Median) != points || len(s.Levels) != len(of.Channels) ||
			slices.ContainsFunc(s.Levels, func(row signature.Row) bool { return len(row) != points })
	})
}

// Signatures is a view of which signatures and scores there are, of all
// generations: what they say stays in the bucket. It is safe for concurrent use.
type Signatures struct {
	view *view[map[string]Mark]
	from *watch[map[string]Mark]
}

// OpenSignatures returns when the view's first snapshot is whole. Run must follow.
func (b *Bus) OpenSignatures(ctx context.Context) (*Signatures, error) {
	s := &Signatures{}
	var err error
	fresh := func() map[string]Mark { return map[string]Mark{} }
	s.view, s.from, err = newView(ctx, b, SignaturesBucket, ">", fresh, func(m map[string]Mark, kv jetstream.KeyValueEntry) {
		if !strings.HasSuffix(kv.Key(), "."+partHead) && !strings.HasSuffix(kv.Key(), "."+partScores) {
			return
		}
		if kv.Operation() == jetstream.KeyValuePut {
			m[kv.Key()] = newMark(kv.Value(), kv.Revision(), kv.Created())
		} else {
			delete(m, kv.Key())
		}
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Run keeps the view up to date until ctx ends.
func (s *Signatures) Run(ctx context.Context) error { return s.view.run(ctx, s.from) }

// Check returns ErrNewLife where the bucket is not the one that the view is of.
func (s *Signatures) Check(ctx context.Context) error { return s.view.check(ctx) }

// Moved returns a channel that is closed at the next change.
func (s *Signatures) Moved() <-chan struct{} { return s.view.changed() }

// Signature returns the mark of the head of a profile's signature. All of its parts were
// stored before; ReadSignature finds them, or those of a later one.
func (s *Signatures) Signature(gen fit.Generation, p fit.ProfileName) Mark {
	return s.mark(signatureKey(gen, p, partHead))
}

// Scores returns the mark of a generation's scores.
func (s *Signatures) Scores(gen fit.Generation) Mark { return s.mark(scoresKey(gen)) }

func (s *Signatures) mark(key string) Mark {
	s.view.mu.RLock()
	defer s.view.mu.RUnlock()
	return s.view.state[key]
}

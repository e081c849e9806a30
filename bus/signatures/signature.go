// Package signatures stores in bucket signatures what workers compute of the samples
// besides the envelopes. A value is never replaced by one that was computed from less
// (bus.PutAsOf).
//
//	signature.go  the signature of a profile, in parts; its snapshots
//	scores.go     the measured accuracy of the models
//	view.go       which versions of both are stored
package signatures

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// A Stamp says what a stored value was computed from.
type Stamp struct {
	Digest    fit.Digest  `json:"digest"` // of the sample, or of all samples of a generation
	AsOf      client.AsOf `json:"as_of"`
	UpdatedAt time.Time   `json:"updated_at"`
}

// A Signature is the stored signature of a profile: the summary of the sample that
// the digest identifies, and earlier snapshots to compute the drift from.
type Signature struct {
	signature.Summary
	Stamp
	Snapshots []signature.Snapshot // oldest first

	Generation fit.Generation
	Profile    fit.ProfileName
}

// Drift is the distance of the signature from each of its snapshots.
func (s Signature) Drift() []signature.Drift {
	drift := make([]signature.Drift, len(s.Snapshots))
	for i, then := range s.Snapshots {
		drift[i] = s.DriftFrom(then)
	}
	return drift
}

// A signature is stored in parts, because one message would be too large: each
// channel, the hosts, the snapshots, and a head with the rest. The head is written
// last. Parts with the same digest belong together.
const (
	partHead      = "head"
	partHosts     = "hosts"
	partSnapshots = "snapshots"
	partChannel   = "channel-" // and its index in the spec
)

type (
	headPart struct {
		Stamp
		Used     int             `json:"used"`
		Curve    signature.Band  `json:"curve"`
		Trust    signature.Trust `json:"trust"`
		Channels int             `json:"channels"`
	}
	channelPart struct {
		Stamp
		signature.Channel
	}
	hostsPart struct {
		Stamp
		signature.Hosts
	}
	snapshotsPart struct {
		Stamp
		Snapshots []signature.Snapshot `json:"snapshots"`
	}
)

func partKey(gen fit.Generation, p fit.ProfileName, part string) string {
	return bus.EnvelopeKey(gen, p) + "." + part
}

func channelPartName(i int) string { return partChannel + strconv.Itoa(i) }

// Write stores a profile's summary, part by part, and adds a snapshot where one is
// due. accepted is the estimated number of usable episodes that were accepted. The
// result is false where a later signature is there or is being written.
//
// A writer that ends between two parts leaves a signature that is not complete. The
// next writer completes it.
func Write(ctx context.Context, b *bus.Bus, gen fit.Generation, p fit.ProfileName, summary signature.Summary, accepted float64, stamp Stamp) (bool, error) {
	write := func(name string, part any) (bool, error) {
		data, err := json.Marshal(part)
		if err != nil {
			return false, fmt.Errorf("encode part %s of the signature of %s: %w", name, p, err)
		}
		return b.PutAsOf(ctx, bus.SignaturesBucket, partKey(gen, p, name), data, stamp.AsOf)
	}
	written, err := write(partHosts, hostsPart{stamp, summary.Hosts})
	for i, c := range summary.Channels {
		if err == nil && written {
			written, err = write(channelPartName(i), channelPart{stamp, c})
		}
	}
	if err != nil || !written {
		return false, err
	}
	if err := addSnapshot(ctx, b, gen, p, summary, accepted, stamp); err != nil {
		return false, err
	}
	return write(partHead, headPart{stamp, summary.Used, summary.Curve, summary.Trust, len(summary.Channels)})
}

// addSnapshot adds a snapshot if one is due. Its time is that at which the server
// stored the part written before: the clocks of two workers may differ by years.
func addSnapshot(ctx context.Context, b *bus.Bus, gen fit.Generation, p fit.ProfileName, summary signature.Summary, accepted float64, stamp Stamp) error {
	if summary.Used == 0 {
		return nil
	}
	stream := client.BucketStream(bus.SignaturesBucket)
	subject := func(part string) string { return client.KeySubject(bus.SignaturesBucket, partKey(gen, p, part)) }
	written, err := b.LastFromLeader(ctx, stream, subject(partHosts))
	if err != nil {
		return err
	}
	now := written.StoredAt
	_, err = b.Update(ctx, stream, subject(partSnapshots), func(have client.Value) (*client.Write, error) {
		var earlier []signature.Snapshot
		if have.Exists {
			earlier = parseSnapshots(have.Data, summary)
		}
		if !signature.Due(earlier, now, accepted) {
			return nil, nil
		}
		data, err := json.Marshal(snapshotsPart{stamp, signature.Keep(earlier, summary.Snapshot(now.UTC(), accepted))})
		if err != nil {
			return nil, fmt.Errorf("encode the snapshots of %s: %w", p, err)
		}
		return &client.Write{Data: data}, nil
	})
	return err
}

// Read returns the stored signature; false if no signature is stored, or if it is not
// complete yet.
func Read(ctx context.Context, b *bus.Bus, gen fit.Generation, p fit.ProfileName) (Signature, bool, error) {
	parts := map[string][]byte{}
	prefix := client.KeySubject(bus.SignaturesBucket, partKey(gen, p, ""))
	_, err := b.ReadAll(ctx, client.BucketStream(bus.SignaturesBucket), prefix+"*", func(msg *jetstream.RawStreamMsg) error {
		parts[strings.TrimPrefix(msg.Subject, prefix)] = msg.Data
		return nil
	})
	if err != nil {
		return Signature{}, false, err
	}
	s, ok := assemble(gen, p, func(part string) []byte { return parts[part] })
	return s, ok, nil
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
		Stamp:   head.Stamp, Generation: gen, Profile: p,
	}
	for i := range head.Channels {
		var c channelPart
		if !read(channelPartName(i), &c) || c.Digest != head.Digest {
			return Signature{}, false
		}
		s.Channels = append(s.Channels, c.Channel)
	}
	s.Snapshots = parseSnapshots(get(partSnapshots), s.Summary)
	return s, true
}

// parseSnapshots returns the snapshots of a part that have the points and channels of
// a summary. It leaves out others, which another program wrote: they could fill the
// part until it is too large for a message.
func parseSnapshots(data []byte, of signature.Summary) []signature.Snapshot {
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

package events

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// Order places an event among those of its subject. A later event is never replaced
// by an earlier one.
type Order struct {
	// Revision is the spec's revision and the envelope's.
	Revision [2]uint64 `json:"revision"`
	// Turn and Epoch are compared between the two revisions: Turn orders the specs of
	// one revision, Epoch the epochs of one spec.
	Turn  uint64 `json:"turn"`
	Epoch uint64 `json:"epoch"`
	// Incarnation is that of the envelopes and specs buckets, as Incarnation gives it.
	// Orders of two incarnations can't be compared.
	Incarnation client.Incarnation `json:"life,omitempty"`
}

// Compare returns -1, 0 or 1. It means nothing where the incarnations differ.
func (o Order) Compare(p Order) int {
	return cmp.Or(cmp.Compare(o.Revision[0], p.Revision[0]), cmp.Compare(o.Turn, p.Turn),
		cmp.Compare(o.Epoch, p.Epoch), cmp.Compare(o.Revision[1], p.Revision[1]))
}

// Incarnation asks for the incarnation that belongs into the order of an event that is
// made now. It joins those of the two buckets whose sequences are in the order.
func Incarnation(ctx context.Context, b *bus.Bus) (client.Incarnation, error) {
	envelopes, err := b.End(ctx, client.BucketStream(bus.EnvelopesBucket))
	if err != nil {
		return "", err
	}
	specs, err := b.End(ctx, client.BucketStream(bus.SpecsBucket))
	return JoinIncarnations(envelopes.Incarnation, specs.Incarnation), err
}

// JoinIncarnations makes the incarnation of an order from those of the two buckets.
func JoinIncarnations(envelopes, specs client.Incarnation) client.Incarnation {
	return envelopes + "/" + specs
}

// A Header is the part of an event that decides whether another may replace it. An
// event without an order, as the Python program sends it, has the zero header and is
// before all others.
type Header struct {
	Order
	Generation fit.Generation `json:"generation"`
	Digest     fit.Digest     `json:"digest"`
}

// Headed is implemented by events that know their header. Of others it is read from their JSON,
// which takes longer.
type Headed interface{ Header() Header }

func headerOf(event any, data []byte) Header {
	if headed, ok := event.(Headed); ok {
		return headed.Header()
	}
	return parseHeader(data)
}

func parseHeader(event []byte) Header {
	var h Header
	if json.Unmarshal(event, &h) != nil {
		return Header{}
	}
	return h
}

// HasOrder reports whether an event claims an order to any reader: whether it has a life in any
// letter case, even if another key of the order is not valid. Only streamers make such events.
func HasOrder(event []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(event, &fields) != nil {
		return false
	}
	for key, value := range fields {
		var life string
		if strings.EqualFold(key, "life") && json.Unmarshal(value, &life) == nil && life != "" {
			return true
		}
	}
	return false
}

// IsBefore reports whether an event is before another of its subject: both are of the
// same incarnation, and its order is lower. In the stream the event never follows the
// other, unless the stream was restored from a backup.
func IsBefore(event, other []byte) bool {
	a, b := parseHeader(event), parseHeader(other)
	return a.Incarnation != "" && a.Incarnation == b.Incarnation && a.Compare(b.Order) < 0
}

package streamer_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// FuzzAttackProfile: any value in bucket envelopes is ignored, or gives an event with its
// order.
func FuzzAttackProfile(f *testing.F) {
	spec := fit.DefaultSpec()
	sample := fit.NewSample(1)
	sample.Put(fit.Rank{}, fit.Entry{Seq: 1, Host: "h", Episode: "e", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())})
	envelope, err := json.Marshal(bus.Envelope{Envelope: sample.Envelope(spec.Points.Total()), AsOf: client.AsOf{Incarnation: "l", Seq: 1}})
	if err != nil {
		f.Fatal(err)
	}
	g := bus.Generation{Spec: *spec, Limits: json.RawMessage(`{}`), Base: spec.Generation(nil, 0), Streams: bus.Incarnations{Log: "l", Curves: "c"}}
	for _, value := range [][]byte{
		envelope, nil, []byte(`{}`), []byte(`null`), []byte(`[[[`), []byte("\xff"),
		[]byte(`{"median":[1e308],"p25":[-1e308],"p75":null,"n_used":-1,"as_of":{"seq":-1}}`),
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) { checkEnvelope(t, g, value) })
}

// checkEnvelope makes the event of a value that may be an envelope.
func checkEnvelope(t *testing.T, gen bus.Generation, value []byte) {
	env := bus.Envelope{Profile: gen.Spec.Profiles[0].Name}
	if json.Unmarshal(value, &env) != nil {
		return
	}
	event, err := streamer.NewAttackProfile(gen, env)
	if err != nil {
		return
	}
	text, err := json.Marshal(event)
	if err != nil {
		var never *json.UnsupportedValueError
		t.Fatalf("the event of %q can't be written (a value that JSON lacks: %v): %v", value, errors.As(err, &never), err)
	}
	var order events.Order
	if err := json.Unmarshal(text, &order); err != nil || order != event.Order {
		t.Fatalf("%s has another order than %v, %v", text, event.Order, err)
	}
}

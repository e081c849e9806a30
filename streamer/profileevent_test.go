package streamer_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// stored returns an envelope of profile a as if read from the bucket.
func stored(median, p25, p75 []float64) bus.Envelope {
	return bus.Envelope{
		Envelope: fit.Envelope{Median: median, P25: p25, P75: p75, Min: slices.Min(median), Max: slices.Max(median),
			Used: 3, Attempted: 5, Target: 4, Digest: "0123456789abcdef", N: []int{3, 3, 2, 3, 0},
			Quality: []fit.Affected{{Kind: fit.QualityRowsDropped, Episodes: 2, Worst: 7, Host: "h", Episode: "e-1"}},
			Reasons: []fit.ReasonCount{{Reason: fit.ReasonNoArmed, Count: 2, Host: "h", Episode: "e-2", Rank: fit.Rank{1}}},
		},
		Profile: "a", Generation: gen, Revision: 42, Incarnation: "2026-01-02T03:04:05Z", UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	}
}

// TestNewAttackProfile: the JSON of every field.
func TestNewAttackProfile(t *testing.T) {
	t.Parallel()
	g := generation(gen, gen, 3, 7)
	g.Turn, g.Incarnation = 5, "2026-01-01T00:00:00Z"
	event, err := streamer.NewAttackProfile(g, stored([]float64{0, 0.1, 0.2, 0.3, 1}, []float64{-1, 0, 0, 0, 0}, []float64{1, 1, 1, 1, 3}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"attack_profile","name":"a","shape":"shape of a",` +
		`"curve":[0,0.10000000149011612,0.20000000298023224,0.30000001192092896,1],` +
		`"p25":[-1,0,0,0,0],"p75":[1,1,1,1,3],` +
		`"median_raw":[0,0.10000000149011612,0.20000000298023224,0.30000001192092896,1],"p25_raw":[-1,0,0,0,0],"p75_raw":[1,1,1,1,3],` +
		`"n_used":3,"n_attempted":5,"target":4,"complete":false,"n":[3,3,2,3,0],` +
		`"reasons":[{"reason":"no_armed","meaning":"no segment is armed","n":2,"host":"h","episode":"e-2"}],` +
		`"quality":[{"kind":"rows_dropped","n":2,"worst":7,"host":"h","episode":"e-1"}],` +
		`"phases":[{"name":"clean_lead","start":0,"points":1},{"name":"armed","start":1,"points":1},{"name":"infecting","start":2,"points":1},` +
		`{"name":"infected_running","start":3,"points":1},{"name":"clean_tail","start":4,"points":1}],` +
		`"channel":"proc.cpu_user_jiffies","unit":"jiffies/s","generation":"abcdefghij","digest":"0123456789abcdef",` +
		`"revision":[7,42],"turn":5,"epoch":3,"life":"2026-01-02T03:04:05Z/2026-01-01T00:00:00Z","updated_at":"2026-01-02T03:04:05.000000006Z"}`
	if string(text) != want {
		t.Errorf("the event is\n%s\nwant\n%s", text, want)
	}
	var header events.Header
	if err := json.Unmarshal(text, &header); err != nil || header != event.Header() {
		t.Errorf("the header is %+v, in the JSON %+v, %v", event.Header(), header, err)
	}
}

// TestNewAttackProfileOfEarlierVersion: an envelope without n, reasons and quality gives an event without them. Of very many
// reasons the event has the first.
func TestNewAttackProfileOfEarlierVersion(t *testing.T) {
	t.Parallel()
	five := []float64{1, 2, 3, 4, 5}
	env := stored(five, five, five)
	env.N, env.Reasons, env.Quality = nil, nil, nil
	event, err := streamer.NewAttackProfile(generation(gen, gen, 0, 1), env)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(event)
	if err != nil || strings.Contains(string(text), `"n":`) || strings.Contains(string(text), `"reasons"`) || strings.Contains(string(text), `"quality"`) {
		t.Errorf("%s, %v", text, err)
	}
	env.N = []int{1}
	env.Reasons = make([]fit.ReasonCount, 50)
	if event, err = streamer.NewAttackProfile(generation(gen, gen, 0, 1), env); err != nil || event.N != nil || len(event.Reasons) != 20 {
		t.Errorf("n %v, %d reasons, %v", event.N, len(event.Reasons), err)
	}
}

// TestNewAttackProfileOfGiants: values too large for a float32 give an event all the same:
// JSON has no infinity.
func TestNewAttackProfileOfGiants(t *testing.T) {
	t.Parallel()
	giant := []float64{0, 1e39, 1e60, 1e60, 1e60}
	event, err := streamer.NewAttackProfile(generation(gen, gen, 0, 1), stored(giant, []float64{-1e60, 0, 0, 0, 0}, giant))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(event); err != nil {
		t.Error(err)
	}
	if event.MedianRaw[4] != math.MaxFloat32 || event.P25Raw[0] != -math.MaxFloat32 {
		t.Errorf("raw values %v, %v", event.MedianRaw, event.P25Raw)
	}
}

func TestNewAttackProfileOfAnother(t *testing.T) {
	t.Parallel()
	g := generation(gen, gen, 0, 1)
	five := []float64{1, 2, 3, 4, 5}
	nobody := stored(five, five, five)
	nobody.Profile = "nobody"
	for want, env := range map[string]bus.Envelope{
		`no profile "nobody"`: nobody,
		"4/5/5 points":        stored(five[:4], five, five),
		"5/0/5 points":        stored(five, nil, five),
		"5/5/1 points":        stored(five, five, five[:1]),
	} {
		if _, err := streamer.NewAttackProfile(g, env); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

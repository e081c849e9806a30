package fit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The goldens are from an independent program that calls numpy: see testdata/oracle/README.md.

type golden[T any] struct {
	Cases  []T               `json:"cases"`
	Curves map[string]floats `json:"curves"`
}

// readGolden returns the goldens of that name. If there are none, the test fails.
func readGolden[T any](t *testing.T, name string) golden[T] {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "oracle", "goldens", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden[T]
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(g.Cases) == 0 {
		t.Fatalf("%s: no cases", name)
	}
	return g
}

// floats is a list of hex floats, null for a gap.
type floats []float64

func (f *floats) UnmarshalJSON(text []byte) error {
	var values []*hexFloat
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	*f = make(floats, len(values))
	for i, v := range values {
		(*f)[i] = math.NaN()
		if v != nil {
			(*f)[i] = float64(*v)
		}
	}
	return nil
}

type hexFloat float64

func (f *hexFloat) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	*f = hexFloat(v)
	return err
}

func TestGoldenResample(t *testing.T) {
	kernels := []struct {
		name string
		fill func(out []float64, lo, hi float64, t, v []float64)
	}{{"linear", resampleLinear}, {"mean_gauge", meanOfGauge}, {"mean_counter", meanOfCounter}}

	type goldenCase struct {
		T           floats   `json:"t"`
		V           floats   `json:"v"`
		Lo          hexFloat `json:"lo"`
		Hi          hexFloat `json:"hi"`
		N           int      `json:"n"`
		Linear      floats   `json:"linear"`
		MeanGauge   floats   `json:"mean_gauge"`
		MeanCounter floats   `json:"mean_counter"`
	}
	for i, c := range readGolden[goldenCase](t, "resample").Cases {
		for k, want := range []floats{c.Linear, c.MeanGauge, c.MeanCounter} {
			if want == nil {
				continue
			}
			got := make([]float64, c.N)
			kernels[k].fill(got, float64(c.Lo), float64(c.Hi), c.T, c.V)
			if !same(got, want) {
				t.Errorf("case %d, %s: got\n%x\nwant\n%x", i, kernels[k].name, got, want)
			}
		}
	}
}

func TestGoldenEnvelope(t *testing.T) {
	type goldenCase struct {
		Columns    int       `json:"columns"`
		Curves     []floats  `json:"curves"`
		Median     floats    `json:"median"`
		P25        floats    `json:"p25"`
		P75        floats    `json:"p75"`
		Min        hexFloat  `json:"min"`
		Max        hexFloat  `json:"max"`
		Normalised [3]floats `json:"normalised"`
	}
	for i, c := range readGolden[goldenCase](t, "envelope").Cases {
		curves := make([]Curve, len(c.Curves))
		for k, values := range c.Curves {
			curves[k] = Curve(values)
		}
		e := EnvelopeOf(entriesOf(curves), c.Columns)
		if !same(e.Median, c.Median) || !same(e.P25, c.P25) || !same(e.P75, c.P75) {
			t.Errorf("case %d: got\n%x\n%x\n%x\nwant\n%x\n%x\n%x", i, e.Median, e.P25, e.P75, c.Median, c.P25, c.P75)
		}
		if e.Min != float64(c.Min) || e.Max != float64(c.Max) {
			t.Errorf("case %d: from %x to %x, want from %x to %x", i, e.Min, e.Max, c.Min, c.Max)
		}
		n := e.Normalised()
		for k, got := range [][]float32{n.Median, n.P25, n.P75} {
			if !same(widen(got), c.Normalised[k]) {
				t.Errorf("case %d: normalised %x, want %x", i, got, c.Normalised[k])
			}
		}
	}
}

func widen(values []float32) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}

func TestGoldenPoints(t *testing.T) {
	type goldenCase struct {
		N      int    `json:"n"`
		Points [5]int `json:"points"`
	}
	for _, c := range readGolden[goldenCase](t, "points").Cases {
		if p, err := ScalePoints(c.N); err != nil || p.Counts() != c.Points {
			t.Errorf("%d points: got %v, %v, want %v", c.N, p.Counts(), err, c.Points)
		}
	}
}

func TestGoldenChoice(t *testing.T) {
	type goldenCase struct {
		Seed  string `json:"seed"`
		N     int    `json:"n"`
		K     int    `json:"k"`
		First []int  `json:"first"`
		Sum   int    `json:"sum"`
		Hash  string `json:"hash"`
	}
	for _, c := range readGolden[goldenCase](t, "choice").Cases {
		got := ChoiceWords(wordsOf(t, c.Seed), c.N, c.K)
		sum, bytes := 0, []byte(nil)
		for _, v := range got {
			sum += v
			bytes = binary.LittleEndian.AppendUint64(bytes, uint64(v))
		}
		hash := sha256.Sum256(bytes)
		if len(got) != c.K || !slices.Equal(got[:len(c.First)], c.First) || sum != c.Sum || hex.EncodeToString(hash[:8]) != c.Hash {
			t.Errorf("choice(%s; %d, %d) = %v..., want %v...", c.Seed, c.N, c.K, got[:min(5, len(got))], c.First)
		}
		if seed, err := strconv.ParseUint(c.Seed, 10, 64); err == nil && !slices.Equal(Choice(seed, c.N, c.K), got) {
			t.Errorf("choice(%s; %d, %d) depends on how the seed is given", c.Seed, c.N, c.K)
		}
	}
}

func wordsOf(t *testing.T, decimal string) []uint32 {
	t.Helper()
	seed, ok := new(big.Int).SetString(decimal, 10)
	if !ok {
		t.Fatalf("seed %q", decimal)
	}
	var words []uint32
	for ; seed.Sign() > 0; seed.Rsh(seed, 32) {
		words = append(words, uint32(new(big.Int).And(seed, big.NewInt(math.MaxUint32)).Uint64()))
	}
	return words
}

func TestGoldenRank(t *testing.T) {
	type goldenCase struct {
		Seed    string `json:"seed"`
		Host    string `json:"host"`
		Episode string `json:"episode"`
		Rank    string `json:"rank"`
	}
	for _, c := range readGolden[goldenCase](t, "rank").Cases {
		seed, err := strconv.ParseUint(c.Seed, 10, 64)
		if err != nil {
			continue // a spec's seed has 64 bits
		}
		if got := RankOf(seed, c.Host, c.Episode).String(); got != c.Rank {
			t.Errorf("rank of %s, %s, %s = %s, want %s", c.Seed, c.Host, c.Episode, got, c.Rank)
		}
	}
}

// TestGoldenFit samples recorded episodes, and makes the envelopes of their golden curves. These have 80 points; in a case with
// another number of points, only the sample is compared.
func TestGoldenFit(t *testing.T) {
	type goldenProfile struct {
		Profile   string   `json:"profile"`
		Channel   string   `json:"channel"`
		Used      int      `json:"used"`
		Attempted int      `json:"attempted"`
		Sample    []string `json:"sample"`
		Min       hexFloat `json:"min"`
		Max       hexFloat `json:"max"`
		Median    floats   `json:"median"`
		MedianRaw floats   `json:"median_raw"`
		P25Raw    floats   `json:"p25_raw"`
		P75Raw    floats   `json:"p75_raw"`
	}
	type goldenCase struct {
		Target   int             `json:"target"`
		Seed     string          `json:"seed"`
		Sampler  string          `json:"sampler"`
		Resample Resample        `json:"resample"`
		Points   int             `json:"n_points"`
		Rows     []validationRow `json:"rows"`
		Profiles []goldenProfile `json:"profiles"`
	}
	recorded := recordedRows(t)
	curves := recordedCurves(t)
	for i, c := range readGolden[goldenCase](t, "fit").Cases {
		rows := recorded
		if c.Rows != nil {
			rows = c.Rows
		}
		for _, want := range c.Profiles {
			t.Run(fmt.Sprintf("%d-%s-%s", i, c.Sampler, want.Profile), func(t *testing.T) {
				entryOf := func(row validationRow) Entry {
					e := Entry{Seq: 1, Host: row.host(), Episode: row.episode(), State: StateReason, Reason: ReasonMissing}
					if curve, ok := curves[curveKey{e.Host + "/" + e.Episode, want.Channel, c.Resample}]; ok {
						e.State, e.Curve, e.Reason = StateCurve, curve, ""
					}
					return e
				}
				var got Envelope
				var names []string
				switch c.Sampler {
				case "bottomk":
					seed, err := strconv.ParseUint(c.Seed, 10, 64)
					if err != nil {
						return // a spec's seed has 64 bits
					}
					got, names = drawLowest(lastRows(rows), want.Profile, entryOf, seed, c.Target)
				case "numpy":
					got, names = drawAsNumpy(rows, want.Profile, entryOf, wordsOf(t, c.Seed), c.Target)
				default:
					t.Fatalf("sampler %q", c.Sampler)
				}
				if !slices.Equal(names, want.Sample) || got.Used != want.Used || got.Attempted != want.Attempted {
					t.Errorf("used %d of %d: %v\nwant %d of %d: %v", got.Used, got.Attempted, names, want.Used, want.Attempted, want.Sample)
				}
				if c.Points != 80 {
					return
				}
				if !same(got.Median, want.MedianRaw) || !same(got.P25, want.P25Raw) || !same(got.P75, want.P75Raw) {
					t.Error("the band differs")
				}
				if got.Min != float64(want.Min) || got.Max != float64(want.Max) || !same(widen(got.Normalised().Median), want.Median) {
					t.Error("the normalised median differs")
				}
			})
		}
	}
}

// A validationRow has host, episode, profile and status.
type validationRow [4]string

func (r validationRow) host() string              { return r[0] }
func (r validationRow) episode() string           { return r[1] }
func (r validationRow) accepted(name string) bool { return r[2] == name && r[3] == "accepted" }

// lastRows returns the last row of each episode.
func lastRows(rows []validationRow) []validationRow {
	last := make(map[[2]string]validationRow)
	for _, row := range rows {
		last[[2]string{row.host(), row.episode()}] = row
	}
	return slices.Collect(maps.Values(last))
}

func drawLowest(rows []validationRow, profile string, entryOf func(validationRow) Entry, seed uint64, target int) (Envelope, []string) {
	s := NewSample(target)
	for _, row := range rows {
		if row.accepted(profile) {
			s.Put(RankOf(seed, row.host(), row.episode()), entryOf(row))
		}
	}
	var names []string
	for _, e := range s.Members() {
		names = append(names, e.Host+"/"+e.Episode)
	}
	return s.Envelope(80), names
}

func drawAsNumpy(rows []validationRow, profile string, entryOf func(validationRow) Entry, seed []uint32, target int) (Envelope, []string) {
	var candidates []Entry
	for _, row := range rows {
		if row.accepted(profile) {
			candidates = append(candidates, entryOf(row))
		}
	}
	if len(candidates) > target {
		picked := make([]Entry, target)
		for i, at := range ChoiceWords(seed, len(candidates), target) {
			picked[i] = candidates[at]
		}
		candidates = picked
	}
	var curves []Curve
	var names []string
	for _, e := range candidates {
		if e.State == StateCurve {
			curves, names = append(curves, e.Curve), append(names, e.Host+"/"+e.Episode)
		}
	}
	envelope := EnvelopeOf(entriesOf(curves), 80)
	envelope.Attempted = len(candidates)
	return envelope, names
}

func recordedRows(t *testing.T) []validationRow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "recorded", "validation.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []validationRow
	for line := range strings.Lines(string(text)) {
		var row struct {
			Host    string `json:"host_id"`
			Episode string `json:"episode_id"`
			Profile string `json:"profile"`
			Status  string `json:"status"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, validationRow{row.Host, row.Episode, row.Profile, row.Status})
	}
	return rows
}

type curveKey struct {
	name, channel string
	resample      Resample
}

func recordedCurves(t *testing.T) map[curveKey]Curve {
	t.Helper()
	type result struct {
		Curve string `json:"curve"`
	}
	type goldenCase struct {
		File    string `json:"file"`
		Channel string `json:"channel"`
		Linear  result `json:"linear"`
		Mean    result `json:"mean"`
	}
	g := readGolden[goldenCase](t, "recorded")
	curves := make(map[curveKey]Curve)
	for _, c := range g.Cases {
		name := strings.TrimSuffix(c.File, ".tar.zst")
		for resample, r := range map[Resample]result{Linear: c.Linear, Mean: c.Mean} {
			if r.Curve != "" {
				curves[curveKey{name, c.Channel, resample}] = Curve(g.Curves[r.Curve])
			}
		}
	}
	return curves
}

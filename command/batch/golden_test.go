package batch

import (
	"encoding/json"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

const recorded = "../../examples/recorded"

// goldenFit is a case of fit.json, which an independent program wrote: see
// fit/testdata/oracle/README.md.
type goldenFit struct {
	Target   int         `json:"target"`
	Seed     string      `json:"seed"`
	Sampler  Sampler     `json:"sampler"`
	Resample string      `json:"resample"`
	Points   int         `json:"n_points"`
	Rows     [][4]string `json:"rows"` // host, episode, profile, status; nil: the rows of the validation file
	Profiles []struct {
		Profile   string     `json:"profile"`
		Channel   string     `json:"channel"`
		Used      int        `json:"used"`
		Attempted int        `json:"attempted"`
		Sample    []string   `json:"sample"`
		Min       hexFloat   `json:"min"`
		Max       hexFloat   `json:"max"`
		Median    []hexFloat `json:"median"`
		MedianRaw []hexFloat `json:"median_raw"`
		P25Raw    []hexFloat `json:"p25_raw"`
		P75Raw    []hexFloat `json:"p75_raw"`
	} `json:"profiles"`
}

type hexFloat float64

func (f *hexFloat) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	*f = hexFloat(v)
	return err
}

func TestGoldenFit(t *testing.T) {
	text, err := os.ReadFile("../../fit/testdata/oracle/goldens/fit.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens struct {
		Cases []goldenFit `json:"cases"`
	}
	if err := json.Unmarshal(text, &goldens); err != nil {
		t.Fatal(err)
	}
	done := 0
	for i, c := range goldens.Cases {
		seed, err := strconv.ParseUint(c.Seed, 10, 64)
		if err != nil {
			continue // a seed over 64 bits fits in no spec; the tests of package fit cover it
		}
		done++
		t.Run(strconv.Itoa(i), func(t *testing.T) { c.check(t, seed) })
	}
	if done < 10 {
		t.Errorf("only %d cases", done)
	}
}

func (c goldenFit) check(t *testing.T, seed uint64) {
	spec := fit.DefaultSpec()
	spec.Target, spec.Seed, spec.Resample = c.Target, seed, fit.Resample(c.Resample)
	spec.Profiles = nil
	for _, p := range c.Profiles {
		spec.Profiles = append(spec.Profiles, fit.Profile{Name: fit.ProfileName(p.Profile), Channel: p.Channel})
	}
	var err error
	if spec.Points, err = fit.ScalePoints(c.Points); err != nil {
		t.Fatal(err)
	}
	rows := dataset.OpenValidation(filepath.Join(recorded, "validation.parquet"), fit.DefaultValidation())
	if c.Rows != nil {
		rows = listed(c.Rows)
	}
	r, err := roster.Read(rows, seed)
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := Fit(t.Context(), Config{Spec: spec, Sampler: c.Sampler, Rows: rows}, openRecorded(t), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(fitted) != len(c.Profiles) {
		t.Fatalf("%d profiles, want %d", len(fitted), len(c.Profiles))
	}
	for i, want := range c.Profiles {
		got := fitted[i].Envelope
		if got.Used != want.Used || got.Attempted != want.Attempted {
			t.Errorf("%s: used %d, attempted %d, want %d and %d", want.Profile, got.Used, got.Attempted, want.Used, want.Attempted)
		}
		if got.Min != float64(want.Min) || got.Max != float64(want.Max) {
			t.Errorf("%s: from %x to %x, want %x to %x", want.Profile, got.Min, got.Max, want.Min, want.Max)
		}
		same(t, want.Profile+" median_raw", got.Median, want.MedianRaw)
		same(t, want.Profile+" p25_raw", got.P25, want.P25Raw)
		same(t, want.Profile+" p75_raw", got.P75, want.P75Raw)
		normalised := make([]float64, 0, c.Points)
		for _, v := range got.Normalised().Median {
			normalised = append(normalised, float64(v))
		}
		same(t, want.Profile+" median", normalised, want.Median)
	}
}

func same(t *testing.T, what string, got []float64, want []hexFloat) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d points, want %d", what, len(got), len(want))
		return
	}
	for i, v := range got {
		if math.Float64bits(v) != math.Float64bits(float64(want[i])) {
			t.Errorf("%s[%d]: %x, want %x", what, i, v, float64(want[i]))
			return
		}
	}
}

func openRecorded(t *testing.T) episode.Store {
	t.Helper()
	archives, err := store.OpenDir(filepath.Join(recorded, "store"))
	if err != nil {
		t.Fatal(err)
	}
	return archives
}

// listed yields rows of host, episode, profile and status.
func listed(rows [][4]string) iter.Seq2[dataset.ValidationRow, error] {
	return func(yield func(dataset.ValidationRow, error) bool) {
		for _, r := range rows {
			if !yield(dataset.ValidationRow{HostID: r[0], EpisodeID: r[1], Profile: r[2], Status: r[3], Accepted: r[3] == dataset.StatusAccepted}, nil) {
				return
			}
		}
	}
}

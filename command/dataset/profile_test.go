package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/cis490/profiles/fit"
)

// madeProfiles returns the rows of the profiles files that testdata/make.py writes.
func madeProfiles() []AttackProfile {
	made := func(name, channel string, used int32, scale float64) AttackProfile {
		const points = 80
		p := AttackProfile{Profile: name, Channel: channel, Used: used, Attempted: used + 3, MedianMaxRaw: scale * (points - 1) * (points - 1)}
		for k := range points {
			raw := float32(scale * float64(k*k))
			p.Median = append(p.Median, float32(float64(k*k)/((points-1)*(points-1))))
			p.MedianRaw = append(p.MedianRaw, raw)
			p.P25Raw = append(p.P25Raw, float32(float64(raw)*0.5))
			p.P75Raw = append(p.P75Raw, float32(float64(raw)*1.5))
		}
		return p
	}
	return []AttackProfile{made("cpu-saturate", "proc.cpu_user_jiffies", 100, 0.25), made("io-walk", "proc.io_rchar", 97, 4096.5)}
}

func readProfiles(b []byte) ([]AttackProfile, map[string]string, error) {
	return ReadAttackProfiles(bytes.NewReader(b), int64(len(b)))
}

func writeProfiles(t testing.TB, rows []AttackProfile, meta map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteAttackProfiles(&b, rows, meta); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNewAttackProfile(t *testing.T) {
	nan := math.NaN()
	e := fit.EnvelopeOf([]fit.Entry{{Curve: fit.Curve{1, 10, nan, 0.1}}, {Curve: fit.Curve{3, 20, nan, 0.1}}}, 4)
	e.Attempted = 5
	p := NewAttackProfile(fit.Profile{Name: "io-walk", Channel: "proc.cpu_sys_jiffies"}, "cores", e)
	tenth := 0.1
	want := AttackProfile{
		Unit: "cores", Profile: "io-walk", Channel: "proc.cpu_sys_jiffies", Used: 2, Attempted: 5,
		Median:       []float32{float32(2.0 / 15), 1, 0, float32(tenth / 15)},
		MedianRaw:    []float32{2, 15, 0, 0.1},
		P25Raw:       []float32{1.5, 12.5, 0, 0.1},
		P75Raw:       []float32{2.5, 17.5, 0, 0.1},
		MedianMinRaw: 0, MedianMaxRaw: 15,
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	b := writeProfiles(t, []AttackProfile{p}, nil)
	got, _, err := ReadAttackProfiles(bytes.NewReader(b), int64(len(b)))
	if err != nil || !reflect.DeepEqual(got, []AttackProfile{want}) {
		t.Errorf("read %+v, %v", got, err)
	}
}

// TestNewAttackProfileOfHugeNumbers has numbers beyond float32, which must not become infinities in the file.
func TestNewAttackProfileOfHugeNumbers(t *testing.T) {
	huge := []float64{1e300, 0}
	p := NewAttackProfile(fit.Profile{Name: "x", Channel: "proc.x"}, "", fit.Envelope{Median: huge, P25: huge, P75: huge, Max: 1e300, Used: math.MaxInt32 + 1, Attempted: math.MaxInt32 + 1})
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if p.MedianRaw[0] != math.MaxFloat32 || p.MedianMaxRaw != 1e300 || p.Used != math.MaxInt32 {
		t.Errorf("got %+v", p)
	}
}

func TestReadAttackProfilesOfOthers(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "profiles-*.parquet"))
	if err != nil || len(paths) != 6 {
		t.Fatalf("found %d files (%v), want 6", len(paths), err)
	}
	for _, path := range paths {
		rows, meta, err := ReadAttackProfilesFile(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !reflect.DeepEqual(rows, madeProfiles()) {
			t.Errorf("%s: read %+v", path, rows)
		}
		if strings.HasSuffix(path, "profiles-pyarrow.parquet") && (meta["generation"] != "abc0123456" || meta["sampler"] != "rank") {
			t.Errorf("%s: metadata %v", path, meta)
		}
	}
}

func TestReadAttackProfilesRefuses(t *testing.T) {
	for file, says := range map[string][]string{
		"bad-profiles-null-list":    {"row 0", "column median:", "null cell"},
		"bad-profiles-null-element": {"row 0", "column p25_raw:", "null in the list"},
		"bad-profiles-null-count":   {"row 0", "column n_episodes_used:", "null cell"},
		"bad-profiles-length":       {"row 0", "p75_raw has 79 numbers", "80"},
		"bad-profiles-nan":          {"row 0", "median_raw[0] is NaN"},
		"bad-profiles-twice":        {"row 1", "io-walk comes twice"},
		"bad-profiles-missing":      {"no column p25_raw", "p75_raw"},
		"bad-profiles-scalar":       {"column median is optional float", "want list of float"},
		"bad-profiles-nested":       {"column median is optional group of list", "want list of float"},
		"validation-snappy":         {"no column channel", "episode_id"},
	} {
		t.Run(file, func(t *testing.T) {
			_, _, err := readProfiles(testdata(t, file+".parquet"))
			if !errors.Is(err, ErrShape) || errors.Is(err, ErrDamaged) {
				t.Fatalf("error %v, want ErrShape", err)
			}
			for _, want := range says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

// TestReadAttackProfilesSurvivesDamage changes every other byte, and cuts the file at the others.
func TestReadAttackProfilesSurvivesDamage(t *testing.T) {
	good := writeProfiles(t, madeProfiles(), map[string]string{"generation": "abc0123456"})
	files := map[string][]byte{"ours": good, "double": testdata(t, "profiles-double-reversed.parquet")}
	step := 1
	if testing.Short() {
		step = 5
	}
	for name, good := range files {
		for i := 0; i < len(good); i += step {
			if i%2 > 0 {
				if _, _, err := readProfiles(good[:i]); !errors.Is(err, ErrDamaged) {
					t.Fatalf("%s, cut at %d: error %v, want ErrDamaged", name, i, err)
				}
				continue
			}
			b := bytes.Clone(good)
			b[i] ^= []byte{0xff, 0x01}[i/2%2]
			rows, _, err := readProfiles(b)
			if err == nil && len(rows) != 2 {
				t.Fatalf("%s, byte %d: %d rows and no error", name, i, len(rows))
			}
			if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) {
				t.Fatalf("%s, byte %d: error %v matches neither ErrDamaged nor ErrShape", name, i, err)
			}
		}
	}
}

func TestWriteAttackProfilesLayout(t *testing.T) {
	b := writeProfiles(t, madeProfiles(), map[string]string{"sampler": "rank", "generation": "abc0123456"})
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, c := range f.Root().Columns() {
		columns = append(columns, c.Name())
		leaf, _ := onlyLeaf(c)
		if c.Optional() || leaf.Optional() {
			t.Errorf("column %s is nullable", c.Name())
		}
		if c.Leaf() == strings.HasSuffix(strings.Join(leaf.Path(), "."), ".list.element") {
			t.Errorf("column %s has the path %v", c.Name(), leaf.Path())
		}
	}
	want := "profile channel n_episodes_used n_episodes_attempted median median_raw p25_raw p75_raw median_min_raw median_max_raw"
	if got := strings.Join(columns, " "); got != want {
		t.Errorf("columns\n%s, want\n%s", got, want)
	}
	for _, group := range f.Metadata().RowGroups {
		for _, c := range group.Columns {
			if c.MetaData.Codec.String() != "ZSTD" {
				t.Errorf("column %v is packed with %v", c.MetaData.PathInSchema, c.MetaData.Codec)
			}
		}
	}
	if g, _ := f.Lookup("generation"); g != "abc0123456" {
		t.Errorf("generation is %q", g)
	}
	if again := writeProfiles(t, madeProfiles(), map[string]string{"generation": "abc0123456", "sampler": "rank"}); !bytes.Equal(again, b) {
		t.Error("the same rows gave other bytes")
	}
	// The reader of parquet-go reads the same rows.
	rows, err := parquet.Read[AttackProfile](bytes.NewReader(b), int64(len(b)))
	if err != nil || !reflect.DeepEqual(rows, madeProfiles()) {
		t.Errorf("parquet-go read %+v, %v", rows, err)
	}
}

func TestWriteAttackProfilesRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*AttackProfile)
		says   string
	}{
		"no name":    {func(p *AttackProfile) { p.Profile = "" }, "profile is empty"},
		"no channel": {func(p *AttackProfile) { p.Channel = "" }, "channel is empty"},
		"length":     {func(p *AttackProfile) { p.P25Raw = p.P25Raw[1:] }, "p25_raw has 79 numbers, median has 80"},
		"NaN":        {func(p *AttackProfile) { p.P75Raw[3] = float32(math.NaN()) }, "p75_raw[3] is NaN"},
		"infinity":   {func(p *AttackProfile) { p.MedianMaxRaw = math.Inf(1) }, "median_max_raw +Inf"},
		"counts":     {func(p *AttackProfile) { p.Attempted = p.Used - 1 }, "n_episodes_attempted 99"},
		"twice":      {func(p *AttackProfile) { p.Profile = "io-walk" }, "io-walk comes twice"},
	} {
		rows := madeProfiles()
		test.change(&rows[0])
		var b bytes.Buffer
		err := WriteAttackProfiles(&b, rows, nil)
		if !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), test.says) || b.Len() > 0 {
			t.Errorf("%s: error %v, %d bytes written; want %q and none", name, err, b.Len(), test.says)
		}
	}
}

func TestAttackProfilesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32),
			rapid.SampledFrom([]float32{0, float32(math.Copysign(0, -1)), 1, math.SmallestNonzeroFloat32, math.MaxFloat32}))
		list := func(name string, n int) []float32 {
			if n == 0 {
				return nil
			}
			return rapid.SliceOfN(number, n, n).Draw(t, name)
		}
		text := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,62}`), rapid.StringN(1, 20, -1))
		rows := []AttackProfile{}
		for i := range rapid.IntRange(0, 8).Draw(t, "rows") {
			n := rapid.SampledFrom([]int{0, 1, 5, 80, 300}).Draw(t, "points")
			used := rapid.Int32Range(0, math.MaxInt32).Draw(t, "used")
			rows = append(rows, AttackProfile{
				Profile: fmt.Sprint(i, text.Draw(t, "profile")), Channel: text.Draw(t, "channel"),
				Used: used, Attempted: rapid.Int32Range(used, math.MaxInt32).Draw(t, "attempted"),
				Median: list("median", n), MedianRaw: list("median_raw", n), P25Raw: list("p25", n), P75Raw: list("p75", n),
				MedianMinRaw: rapid.Float64Range(-1e300, 1e300).Draw(t, "min"), MedianMaxRaw: rapid.Float64().Filter(finite).Draw(t, "max"),
			})
		}
		meta := rapid.MapOf(rapid.StringN(1, 10, -1), rapid.String()).Draw(t, "meta")
		var b bytes.Buffer
		if err := WriteAttackProfiles(&b, rows, meta); err != nil {
			t.Fatal(err)
		}
		got, gotMeta, err := readProfiles(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", rows) || !maps.Equal(gotMeta, meta) { // %#v distinguishes -0 from 0
			t.Fatalf("read %#v\n%v, wrote %#v\n%v", got, gotMeta, rows, meta)
		}
	})
}

func TestWriteAttackProfilesFileIsWholeOrNotAtAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	path := filepath.Join(dir, "attack_profiles_v1.parquet")
	rows := madeProfiles()
	if err := WriteAttackProfilesFile(path, rows, nil); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v, want 0644", info.Mode(), err)
	}
	rows[1].Channel = ""
	if err := WriteAttackProfilesFile(path, rows, nil); !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want ErrShape and the path", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, old) {
		t.Errorf("the old file changed (%v)", err)
	}
	// A file cannot take the place of a folder.
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteAttackProfilesFile(folder, madeProfiles(), nil); err == nil {
		t.Error("a folder was overwritten")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v (%v), want the file and the folder: no temporary files", entries, err)
	}
	if err := WriteAttackProfilesFile(path, madeProfiles()[:1], nil); err != nil {
		t.Fatal(err)
	}
	if got, _, err := ReadAttackProfilesFile(path); err != nil || len(got) != 1 {
		t.Errorf("%d rows after it was replaced (%v), want 1", len(got), err)
	}
}

// oracle is a Python program that reads a file with pyarrow and DuckDB and prints what they read.
const oracle = `
import json, sys
import duckdb, pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
meta = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
con = duckdb.connect()
con.execute("SELECT * FROM read_parquet('%s')" % sys.argv[1])
names = [d[0] for d in con.description]
rows = [dict(zip(names, row)) for row in con.fetchall()]
types = con.execute("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet('%s'))" % sys.argv[1]).fetchall()
json.dump({"pyarrow": table.to_pylist(), "schema": {f.name: str(f.type) for f in table.schema}, "names": table.schema.names,
           "meta": meta, "duckdb": rows, "types": dict(types)}, sys.stdout)
`

// TestOraclesReadAttackProfiles compares what pyarrow and DuckDB read with what was written. It needs a python that has both,
// which PROFILES_PYTHON names; "make oracle-test" sets it.
func TestOraclesReadAttackProfiles(t *testing.T) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		t.Log("NOT RUN: PROFILES_PYTHON is not set; it names a python with pyarrow and duckdb")
		return
	}
	rows := madeProfiles()
	rows[0].MedianRaw[0] = math.MaxFloat32
	rows[0].P25Raw[1] = math.SmallestNonzeroFloat32
	rows[1].MedianMinRaw, rows[1].MedianMaxRaw = 0.1, 1.0/3
	rows = append(rows, AttackProfile{Profile: "empty", Channel: "proc.x"})
	rows = append(rows, AttackProfile{Profile: "zeros", Channel: "proc.x", Median: make([]float32, 80),
		MedianRaw: make([]float32, 80), P25Raw: make([]float32, 80), P75Raw: make([]float32, 80)})
	path := filepath.Join(t.TempDir(), "attack_profiles_v1.parquet")
	if err := WriteAttackProfilesFile(path, rows, map[string]string{"generation": "abc0123456", "sampler": "rank"}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", oracle, path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s (does it have pyarrow and duckdb?): %v", python, err)
	}
	type record struct {
		Profile   string    `json:"profile"`
		Channel   string    `json:"channel"`
		Used      int32     `json:"n_episodes_used"`
		Attempted int32     `json:"n_episodes_attempted"`
		Median    []float64 `json:"median"`
		MedianRaw []float64 `json:"median_raw"`
		P25Raw    []float64 `json:"p25_raw"`
		P75Raw    []float64 `json:"p75_raw"`
		Min       float64   `json:"median_min_raw"`
		Max       float64   `json:"median_max_raw"`
	}
	var got struct {
		PyArrow, DuckDB     []record
		Schema, Types, Meta map[string]string
		Names               []string
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("decode %s: %v", out, err)
	}
	doubles := func(list []float32) []float64 {
		wide := make([]float64, len(list)) // not nil: null would be nil
		for i, v := range list {
			wide[i] = float64(v)
		}
		return wide
	}
	var want []record
	for _, p := range rows {
		want = append(want, record{p.Profile, p.Channel, p.Used, p.Attempted, doubles(p.Median), doubles(p.MedianRaw), doubles(p.P25Raw), doubles(p.P75Raw), p.MedianMinRaw, p.MedianMaxRaw})
	}
	if !reflect.DeepEqual(got.PyArrow, want) {
		t.Errorf("pyarrow read %+v", got.PyArrow)
	}
	if !reflect.DeepEqual(got.DuckDB, want) {
		t.Errorf("DuckDB read %+v", got.DuckDB)
	}
	if got.Meta["generation"] != "abc0123456" || got.Meta["sampler"] != "rank" {
		t.Errorf("pyarrow read the metadata %v", got.Meta)
	}
	for name, want := range map[string][2]string{
		"profile": {"string", "VARCHAR"}, "channel": {"string", "VARCHAR"},
		"n_episodes_used": {"int32", "INTEGER"}, "n_episodes_attempted": {"int32", "INTEGER"},
		"median": {"list<element: float not null>", "FLOAT[]"}, "median_raw": {"list<element: float not null>", "FLOAT[]"},
		"p25_raw": {"list<element: float not null>", "FLOAT[]"}, "p75_raw": {"list<element: float not null>", "FLOAT[]"},
		"median_min_raw": {"double", "DOUBLE"}, "median_max_raw": {"double", "DOUBLE"},
	} {
		if got.Schema[name] != want[0] || got.Types[name] != want[1] {
			t.Errorf("column %s is %q in pyarrow and %q in DuckDB, want %q and %q", name, got.Schema[name], got.Types[name], want[0], want[1])
		}
	}
	if len(got.Names) != 10 || got.Names[0] != "profile" || got.Names[9] != "median_max_raw" {
		t.Errorf("pyarrow read the columns %v", got.Names)
	}
}

// FuzzReadAttackProfiles reads any bytes: rows that pass Check, or an error that matches ErrDamaged or ErrShape.
func FuzzReadAttackProfiles(f *testing.F) {
	for _, pattern := range []string{"profiles-*.parquet", "bad-profiles-*.parquet"} {
		paths, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds for %s: %v", pattern, err)
		}
		for _, path := range paths {
			f.Add(testdata(f, filepath.Base(path)))
		}
	}
	f.Add(writeProfiles(f, madeProfiles(), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, _, err := readProfiles(b)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) {
			t.Fatalf("error %v matches neither ErrDamaged nor ErrShape", err)
		}
		for i := range rows {
			if err := rows[i].Check(); err != nil {
				t.Fatalf("row %d: %v", i, err)
			}
		}
	})
}

// TestUnitsOfProfiles: the units of a spec come back from the file; a file without them, or with text that is no unit, has those of the names.
func TestUnitsOfProfiles(t *testing.T) {
	rows := madeProfiles()
	rows[0].Unit = "µs/s"
	meta := map[string]string{"generation": "abc0123456"}
	b := writeProfiles(t, rows, meta)
	if len(meta) != 1 {
		t.Errorf("writing changed the metadata to %v", meta)
	}
	back, meta, err := ReadAttackProfiles(bytes.NewReader(b), int64(len(b)))
	if err != nil || !reflect.DeepEqual(back, rows) {
		t.Errorf("got %+v, %v\nwant %+v", back, err, rows)
	}
	if back[0].ShownUnit() != "µs/s" || back[1].ShownUnit() != fit.Unit(back[1].Channel) {
		t.Errorf("units %q, %q", back[0].ShownUnit(), back[1].ShownUnit())
	}
	if want := fmt.Sprintf(`{%q:"µs/s"}`, rows[0].Profile); meta["units"] != want {
		t.Errorf("metadata %s, want %s", meta["units"], want)
	}
	for _, text := range []string{"", "[]", "{", `{"` + rows[0].Profile + `":"\u001b[2J"}`, `{"` + rows[0].Profile + `":1}`, `{"other":"x"}`} {
		b := writeProfiles(t, madeProfiles(), map[string]string{"units": text})
		back, _, err := ReadAttackProfiles(bytes.NewReader(b), int64(len(b)))
		if err != nil || !reflect.DeepEqual(back, madeProfiles()) {
			t.Errorf("%s: got %+v, %v", text, back, err)
		}
	}
}

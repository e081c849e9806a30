package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/fit"
)

// packed returns text packed with gzip.
func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// listTexts returns small lists of every kind but parquet.
func listTexts() []string {
	return []string{
		"episode_id,host_id,profile,status\ne1,h1,p,accepted\n\n\"e2\",h1, p ,\"rej\"\"ected\"\n",
		"\xef\xbb\xbfx,status,profile,host_id,episode_id\r\n1,accepted,p,h,\"e\r\n2\"\r\n",
		`{"episode_id":"e1","host_id":"h1","profile":"p","status":"accepted"}` + "\n\n" + `{"episode_id":2,"host_id":null,"profile":{},"status":true}`,
		"\xef\xbb\xbf \r\n" + `{"episode_id":{"a":"\ud800"},"host_id":"h1","profile":"p","status":"no"}` + "\r\n",
	}
}

func readText(text string, columns fit.Validation) (rows []ValidationRow, err error) {
	for row, err := range Validation(strings.NewReader(text), int64(len(text)), columns) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// madeCSV and madeJSON return the rows of madeRow as text.
func madeCSV(n int) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"", "status", "host_id", "more", "profile", "episode_id"})
	for i := range n {
		r := madeRow(i)
		_ = w.Write([]string{fmt.Sprint(i), r.Status, r.HostID, `with "quotes", and` + " commas", r.Profile, r.EpisodeID})
	}
	w.Flush()
	return b.String()
}

func madeJSON(n int) string {
	var b strings.Builder
	for i := range n {
		r := madeRow(i)
		fmt.Fprintf(&b, `{"status": %q, "n": [%d], "host_id": %q, "profile": %q, "episode_id": %q}`+"\n", r.Status, i, r.HostID, r.Profile, r.EpisodeID)
	}
	return b.String()
}

func TestValidationReadsText(t *testing.T) {
	const n = 1300 // more than two batches
	parquet := string(testdata(t, "validation-zstd.parquet"))
	for name, test := range map[string]struct {
		text  string
		rows  int
		first int // line of the first row; 0 if there are no lines
	}{
		"csv":            {madeCSV(n), n, 2},
		"csv, CRLF":      {strings.ReplaceAll(madeCSV(n), "\n", "\r\n"), n, 2},
		"csv, mark":      {"\xef\xbb\xbf" + madeCSV(n), n, 2},
		"csv, no end":    {strings.TrimSuffix(madeCSV(n), "\n"), n, 2},
		"csv.gz":         {packed(madeCSV(n)), n, 2},
		"csv.gz in two":  {packed(madeCSV(n)[:1000]) + packed(madeCSV(n)[1000:]), n, 2},
		"jsonl":          {madeJSON(n), n, 1},
		"jsonl, CRLF":    {strings.ReplaceAll(madeJSON(n), "\n", "\r\n"), n, 1},
		"jsonl, mark":    {"\xef\xbb\xbf" + madeJSON(n), n, 1},
		"jsonl, no end":  {strings.TrimSuffix(madeJSON(n), "\n"), n, 1},
		"jsonl, blanks":  {"\n \r\n" + madeJSON(n), n, 3},
		"jsonl.gz":       {packed(madeJSON(n)), n, 1},
		"parquet.gz":     {packed(parquet), 300, 0},
		"header only":    {"episode_id,host_id,profile,status", 0, 0},
		"header only.gz": {packed("episode_id,host_id,profile,status"), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := readText(test.text, fit.DefaultValidation())
			if err != nil || len(rows) != test.rows {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			for i, row := range rows {
				want := madeRow(i)
				if test.first > 0 {
					want.Line = test.first + i
				}
				if row != want {
					t.Fatalf("row %d is %+v, want %+v", i, row, want)
				}
			}
		})
	}
}

// TestValidationMapping reads lists whose columns and statuses have other names.
func TestValidationMapping(t *testing.T) {
	other := fit.Validation{EpisodeID: "run.id", HostID: "machine", Profile: "kind", Status: "verdict", Accepted: []string{"ok", "good", "true", "1"}}
	all := fit.Validation{EpisodeID: "run", HostID: "machine", Profile: "kind"}
	pending := all
	pending.Status, pending.Accepted = "verdict", []string{"ok"}
	yes, no := true, false
	for name, test := range map[string]struct {
		columns fit.Validation
		text    string
		want    []ValidationRow
	}{
		"csv": {other, "machine,run.id,kind,verdict\nh1,a,p,ok\nh1,b,p,accepted\nh1,c,p, good \nh1,\"d\ne\",p,bad\n\n  \nh1,f,p,ok\n", []ValidationRow{
			{"a", "h1", "p", "ok", yes, 2}, {"b", "h1", "p", "accepted", no, 3}, {"c", "h1", "p", "good", yes, 4}, {"d\ne", "h1", "p", "bad", no, 5}, {"f", "h1", "p", "ok", yes, 9},
		}},
		"json": {other, `{"machine":"h1","run":{"id":"a"},"kind":"p","verdict":"ok"}
{"machine":"h1","run":{"id":"b"},"run.id":"c","kind":"p","verdict":"OK"}
{"machine":7,"run":{"id":1e3},"kind":"p","verdict":true}
{"machine":"h1","run":{"id":"no"},"run":{"id":"d","id":"e"},"kind":"p","verdict":1}`, []ValidationRow{
			{"a", "h1", "p", "ok", yes, 1}, {"c", "h1", "p", "OK", no, 2}, {"1e3", "7", "p", "true", yes, 3}, {"e", "h1", "p", "1", yes, 4},
		}},
		"every row, csv":  {all, "status,run,machine,kind\nrejected,a,h,p\n", []ValidationRow{{"a", "h", "p", "", yes, 2}}},
		"every row, json": {all, `{"run":"a","machine":"h","kind":"p","status":null}`, []ValidationRow{{"a", "h", "p", "", yes, 1}}},
		"nulls in rows that are not accepted": {pending, `{"run":null,"machine":"h","kind":"p","verdict":"pending"}
{"verdict":"pending"}
{"run":"a","machine":[1],"kind":{},"verdict":"pending"}
{"run":"a","machine":"h","kind":"p","verdict":"ok"}`, []ValidationRow{
			{"", "h", "p", "pending", no, 1}, {"", "", "", "pending", no, 2}, {"a", "", "", "pending", no, 3}, {"a", "h", "p", "ok", yes, 4},
		}},
		"empty cells": {pending, "run,machine,kind,verdict\n,,,\n,,,ok\n", []ValidationRow{{"", "", "", "", no, 2}, {"", "", "", "ok", yes, 3}}},
		"parquet, every row": {fit.Validation{EpisodeID: "episode_id", HostID: "host_id", Profile: "status"}, string(testdata(t, "validation-none.parquet")), func() []ValidationRow {
			var want []ValidationRow
			for i := range 300 {
				r := madeRow(i)
				want = append(want, ValidationRow{r.EpisodeID, r.HostID, r.Status, "", yes, 0})
			}
			return want
		}()},
	} {
		rows, err := readText(test.text, test.columns)
		if err != nil || !slices.Equal(rows, test.want) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, rows, test.want)
		}
	}
}

func TestValidationLeavesNullsOut(t *testing.T) {
	// In both files row 123 has a null; its status is rejected, or accepted.
	columns := fit.DefaultValidation()
	columns.Accepted = []string{"quarantined", "rejected"}
	for _, file := range []string{"bad-null", "bad-null-plain"} {
		b := string(testdata(t, file+".parquet"))
		rows, err := readText(b, columns)
		if err != nil || len(rows) != 300 || rows[123].Accepted || rows[123].EpisodeID != "ep-00123" {
			t.Errorf("%s: %d rows, %v", file, len(rows), err)
		}
	}
}

func TestValidationRefusesText(t *testing.T) {
	header := "episode_id,host_id,profile,status\n"
	good := `{"episode_id":"e1","host_id":"h1","profile":"p","status":"accepted"}` + "\n"
	long := strings.Repeat("x", maxRowBytes+9000)
	for name, test := range map[string]struct {
		text  string
		rows  int
		match error
		says  []string
	}{
		"no column":            {"episode_id,host,profile,status\n", 0, ErrShape, []string{"no column host_id", "the file has episode_id, host, profile, status", "validation.host_id"}},
		"semicolons":           {"episode_id;host_id;profile;status\n", 0, ErrShape, []string{"no column episode_id", "separated by commas"}},
		"names of a terminal":  {"episode_id,\x1b[31m,\n", 0, ErrShape, []string{`"\x1b[31m"`}},
		"two columns":          {"episode_id,host_id,profile,status,host_id\n", 0, ErrShape, []string{"two columns are named host_id"}},
		"few cells":            {header + "e1,h1,p,accepted\ne2,h1,p\n", 1, ErrDamaged, []string{"line 3 has 3 cells", "has 4"}},
		"many cells":           {header + "e1,h1,p,accepted,\n", 0, ErrDamaged, []string{"line 2 has 5 cells"}},
		"bare quote":           {header + "e1,h1,p,accepted\ne2,h\"1,p,no\n", 1, ErrDamaged, []string{"line 3", "quote", "byte 5"}},
		"open quote":           {header + "e1,h1,p,\"accepted\n", 0, ErrDamaged, []string{"line 2"}},
		"long open quote":      {header + "e1,h1,p,accepted\ne2,\"" + long, 1, ErrDamaged, []string{"line 3", "more than 1048576 bytes", "quote"}},
		"long line":            {header + "e1," + long + ",p,accepted\n", 0, ErrDamaged, []string{"line 2", "more than 1048576 bytes"}},
		"long header":          {long, 0, ErrDamaged, []string{"line 1", "more than 1048576 bytes"}},
		"json: no key":         {good + `{"episode_id":"e1","host":"h1","profile":"p","status":"accepted","result":{"a":1,"b":2}}`, 1, ErrShape, []string{"line 2, column host_id", "no such key", "episode_id, host, profile, result.a, result.b, status", "validation.host_id"}},
		"json: no status":      {good + `{"episode_id":"e1","host_id":"h1","profile":"p"}`, 1, ErrShape, []string{"line 2, column status", "no such key"}},
		"json: null":           {good + "\n" + strings.Replace(good, `"h1"`, "null", 1), 1, ErrShape, []string{"line 3, column host_id", "null, want a string"}},
		"json: null status":    {strings.Replace(good, `"accepted"`, "null", 1), 0, ErrShape, []string{"line 1, column status", "null"}},
		"json: object":         {strings.Replace(good, `"h1"`, "{}", 1), 0, ErrShape, []string{"line 1, column host_id", "an object, want a string"}},
		"json: array":          {strings.Replace(good, `"h1"`, "[]", 1), 0, ErrShape, []string{"an array, want a string"}},
		"json: pretty":         {"{\n  \"episode_id\": 1\n}\n", 0, ErrDamaged, []string{"line 1 is not one JSON object", "a line of its own"}},
		"json: two in a line":  {strings.TrimSpace(good) + good, 0, ErrDamaged, []string{"line 1 is not one JSON object"}},
		"json: no object":      {good + "null\n", 1, ErrDamaged, []string{"line 2 is not one JSON object"}},
		"json: list":           {"[" + good + "]", 0, ErrDamaged, []string{"a JSON array"}},
		"json: long":           {good + `{"episode_id":"` + long + `"}`, 1, ErrDamaged, []string{"line 2", "more than 1048576 bytes"}},
		"gzip: cut":            {packed(header + good)[:30], 0, ErrDamaged, []string{"gzip file is cut off"}},
		"gzip: checksum":       {packed(header)[:len(packed(header))-8] + "12345678", 0, ErrDamaged, []string{"gzip file is damaged"}},
		"gzip: more":           {packed(header) + "more than the head of a member", 0, ErrDamaged, []string{"gzip file is damaged"}},
		"gzip: head":           {"\x1f\x8bno gzip at all", 0, ErrDamaged, []string{"gzip file is damaged"}},
		"gzip: nothing":        {packed(""), 0, ErrDamaged, []string{"it is empty"}},
		"gzip: damaged within": {packed("PAR1" + header), 0, ErrDamaged, []string{"cut off"}},
		"encrypted":            {"PARE", 0, ErrDamaged, []string{"encrypted parquet"}},
		"zstd":                 {"\x28\xb5\x2f\xfd0000", 0, ErrDamaged, []string{"packed with zstd"}},
		"spreadsheet":          {"PK\x03\x04", 0, ErrDamaged, []string{"spreadsheet", "CSV"}},
		"UTF-16":               {"\xff\xfee\x00", 0, ErrDamaged, []string{"UTF-16"}},
		"bytes":                {"\x7fELF\x00\x00\x01", 0, ErrDamaged, []string{"neither parquet nor CSV nor JSON lines", `"\x7fELF\x00`}},
		"blanks":               {" \n\t\r\n", 0, ErrDamaged, []string{"only blanks"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := readText(test.text, fit.DefaultValidation())
			if !errors.Is(err, test.match) || errors.Is(err, ErrShape) && errors.Is(err, ErrDamaged) {
				t.Fatalf("error %v, want %v", err, test.match)
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if len(rows) != test.rows {
				t.Errorf("%d rows came before the error, want %d", len(rows), test.rows)
			}
			if len(err.Error()) > 3000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// TestValidationTakesLongRows: a row of exactly the limit passes.
func TestValidationTakesLongRows(t *testing.T) {
	header := "episode_id,host_id,profile,status\n"
	for name, row := range map[string]func(int) string{
		"csv": func(n int) string { return "e,h,p," + strings.Repeat("s", n-6) },
		"json": func(n int) string {
			return `{"episode_id":"e","host_id":"h","profile":"p","status":"` + strings.Repeat("s", n-58) + `"}`
		},
	} {
		start := ""
		if name == "csv" {
			start = header
		}
		for _, end := range []string{"", "\n", "\r\n"} {
			rows, err := readText(start+row(maxRowBytes)+end, fit.DefaultValidation())
			if err != nil || len(rows) != 1 || len(rows[0].Status) < 1<<19 {
				t.Errorf("%s: %d rows, %v", name, len(rows), err)
			}
		}
	}
}

// TestCSVAndJSONLinesAgree writes the same rows in both ways.
func TestCSVAndJSONLinesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-z"',;{}\\é日 ]|\t){0,9}`).Filter(func(s string) bool { return s == strings.Trim(s, " \t") })
		var list, lines strings.Builder
		w := csv.NewWriter(&list)
		_ = w.Write(specKeys[:])
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			cells := rapid.SliceOfN(text, fields, fields).Draw(t, "cells")
			if rapid.Bool().Draw(t, "accepted") {
				cells[fieldStatus] = StatusAccepted
			}
			_ = w.Write(cells)
			line, err := json.Marshal(map[string]string{"episode_id": cells[0], "host_id": cells[1], "profile": cells[2], "status": cells[3]})
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(line, '\n'))
		}
		w.Flush()
		a, errA := readText(list.String(), fit.DefaultValidation())
		b := []ValidationRow(nil)
		var errB error
		if lines.Len() > 0 {
			b, errB = readText(lines.String(), fit.DefaultValidation())
		}
		if errA != nil || errB != nil || len(a) != len(b) {
			t.Fatalf("%d rows, %v; %d rows, %v", len(a), errA, len(b), errB)
		}
		for i := range a {
			a[i].Line, b[i].Line = 0, 0
			if a[i] != b[i] {
				t.Fatalf("row %d: %+v, %+v", i, a[i], b[i])
			}
		}
	})
}

func TestUnpackHasALimit(t *testing.T) {
	if _, _, err := unpack(strings.NewReader("12345"), 4); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "more than 4 bytes") {
		t.Errorf("error %v", err)
	}
	f, size, err := unpack(strings.NewReader("1234"), 4)
	if err != nil || size != 4 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if _, err := os.Stat(f.Name()); !os.IsNotExist(err) {
		t.Errorf("the temporary file stays: %v", err)
	}
	_ = f.Close()
}

func TestTextPassesReadErrorsOn(t *testing.T) {
	for name, text := range map[string]string{"csv": madeCSV(9000), "json": madeJSON(9000), "csv.gz": packed(madeCSV(30000))} {
		disk := brokenDisk{bytes.NewReader([]byte(text)), int64(len(text)) / 3}
		_, err := readAll(disk, int64(len(text)))
		if !errors.Is(err, errDisk) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrShape) {
			t.Errorf("%s: error %v, want the disk's alone", name, err)
		}
	}
}

// TestTextIsStreamed reads long lists in little memory: a tenth of what their rows take.
func TestTextIsStreamed(t *testing.T) {
	const n = 60_000
	for name, text := range map[string]func() string{
		"validation.csv.gz": func() string { return packed(madeCSV(n)) },
		"validation.jsonl":  func() string { return madeJSON(n) },
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text()), 0o600); err != nil {
			t.Fatal(err)
		}
		heap := func() int {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		before, most, i := heap(), 0, 0
		for row, err := range OpenValidation(path, fit.DefaultValidation()) {
			if want := madeRow(i); err != nil || row.EpisodeID != want.EpisodeID {
				t.Fatalf("row %d is %+v, %v", i, row, err)
			}
			if i++; i%(n/3) == 0 {
				most = max(most, heap())
			}
		}
		if i != n || most > before+(1<<20) {
			t.Errorf("%s: %d rows, the heap grew by %d bytes", name, i, most-before)
		}
	}
}

// FuzzJSONRow compares with a naive reading of the line into any.
func FuzzJSONRow(f *testing.F) {
	for _, text := range listTexts() {
		f.Add(strings.Split(strings.TrimSpace(text), "\n")[0], "episode_id", "status")
	}
	f.Add(`{"a":{"b":{"c":"x"}},"a.b.c":null,"s":1}`, "a.b.c", "s")
	f.Add(`{"a":{"b":"x"},"a":{"c":"y"},"s":"1"}`, "a.b", "s")
	f.Fuzz(func(t *testing.T, line, id, status string) {
		if id == "" || status == "" || strings.ContainsAny(line, "\r\n") || !strings.HasPrefix(line, "{") {
			return
		}
		rows, err := readText(line, fit.Validation{EpisodeID: id, HostID: id, Profile: id, Status: status})
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		var object map[string]any
		naive := func(path string) string { // "" if it is no text
			value, ok := object[path]
			if !ok {
				value = object
				for _, key := range strings.Split(path, ".") {
					inner, _ := value.(map[string]any)
					value = inner[key]
				}
			}
			switch value.(type) {
			case string, json.Number, bool:
				return fmt.Sprint(value)
			}
			return ""
		}
		if !json.Valid([]byte(line)) {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("no JSON, error %v", err)
			}
			return
		}
		if decoder.Decode(&object) != nil || len(line) > maxRowBytes {
			return
		}
		if len(rows) == 1 && (rows[0].EpisodeID != naive(id) || rows[0].Status != naive(status)) {
			t.Fatalf("%+v, want %q and %q", rows[0], naive(id), naive(status))
		}
		if len(rows) == 0 && naive(status) != "" {
			t.Fatalf("error %v, status %q", err, naive(status))
		}
	})
}

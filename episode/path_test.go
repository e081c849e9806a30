package episode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// oraclePath returns the value of a path, or nil.
func oraclePath(object map[string]any, path string) any {
	if v, ok := object[path]; ok {
		return v
	}
	var v any = object
	for name := range strings.SplitSeq(path, ".") {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// oracleText returns the text of a value that may be a time: a number, or the content of a string.
func oracleText(v any) string {
	switch v := v.(type) {
	case json.Number:
		return string(v)
	case string:
		return v
	}
	return ""
}

// pathSets are paths of the time and of two columns. Templates are not used for the last one.
var pathSets = [][]string{
	{"t_wall_ns", "a", "b"},
	{"t.at", "cpu.user", "cpu.sys.all"},
	{"t", "cpu.user", "cpu.user"},
	{"cpu.t", "cpu.t", "."},
	{"cpu", "cpu.user", "cpu.user.all"},
}

// checkPaths compares rows that are scanned, and that are read with templates, with encoding/json.
func checkPaths(t fataler, rows [][]byte, paths []string, unit TimeUnit) (fitted int) {
	for _, templates := range []bool{false, true} {
		j := newJSONRows(unit, paths...)
		cells, failed, n := readRows(j, rows, templates)
		fitted = n
		for i, row := range rows {
			object, valid := oracleObject(row)
			valid = valid && utf8.Valid(row) && nesting(row) <= 10 && !bytes.Contains(row, []byte("\n"))
			if valid == (i == failed) {
				t.Fatalf("%q: row %d is valid %v, failed at %d", rows, i, valid, failed)
			}
			if !valid {
				break
			}
			if want := j.row.unit.parse([]byte(oracleText(oraclePath(object, paths[0])))); cells[i].time != want {
				t.Fatalf("%q %q, templates %v: row %d is at %v, want %v", paths, rows, templates, i, cells[i].time, want)
			}
			for c, path := range paths[1:] {
				if want := oracleNumberOf(oraclePath(object, path)); !sameNumber(cells[i].cells[c], want) {
					t.Fatalf("%q %q, templates %v: row %d has %v at %s, want %v", paths, rows, templates, i, cells[i].cells[c], path, want)
				}
			}
		}
	}
	return fitted
}

func TestPaths(t *testing.T) {
	for name, c := range map[string]struct {
		rows   string
		fitted int // with the second set
	}{
		"nested":             {`{"t": {"at": 100}, "cpu": {"user": 5, "sys": {"all": 6}}}|{"t": {"at": 104}, "cpu": {"user": 7, "sys": {"all": 12}}}`, 1},
		"others beside them": {`{"t": {"at": 1, "x": 9}, "cpu": {"x": [1], "user": "5"}, "y": {"user": 1}}|{"t": {"at": 2, "x": 8}, "cpu": {"x": [12], "user": "55"}, "y": {"user": 22}}`, 1},
		"whole names":        {`{"t.at": 1, "cpu.user": 2, "cpu.sys.all": 3}|{"t.at": 2, "cpu.user": 33, "cpu.sys.all": 4}`, 1},
		"whole name first":   {`{"cpu.user": 2, "cpu": {"user": 3}, "t.at": 1}|{"cpu.user": 4, "cpu": {"user": 5}, "t.at": 1}|{"cpu.user": 4, "cpu": 5, "t.at": 1}`, 1},
		"whole name last":    {`{"cpu": {"user": 3}, "cpu.user": 2}|{"cpu": {"user": 5}, "cpu.user": 4}|{"cpu": {"user": 5}, "cpu.user": null}`, 2},
		"whole name null":    {`{"cpu.user": null, "cpu": {"user": 3}}|{"cpu.user": 1, "cpu": {"user": 3}}|{"cpu.user": "x", "cpu": {"user": 3}}`, 2},
		"half a whole name":  {`{"cpu.sys": {"all": 3}}|{"cpu": {"sys.all": 3}}`, 0},
		"an object twice":    {`{"cpu": {"user": 1}, "cpu": {"sys": {"all": 2}}}|{"cpu": {"user": 3}, "cpu": {"sys": {"all": 4}}}`, 1},
		"a value last":       {`{"cpu": {"user": 1}, "cpu": 5}|{"cpu": {"user": 2}, "cpu": 5}|{"cpu": {"user": 2}, "cpu": {"user": 6}}`, 1},
		"a value first":      {`{"cpu": 5, "cpu": {"user": 1}}|{"cpu": 6, "cpu": {"user": 1}}|{"cpu": {"user": 8}, "cpu": {"user": 1}}`, 0},
		"deeper twice":       {`{"cpu": {"sys": {"all": 1}, "sys": {"one": 2}, "user": 3}}|{"cpu": {"sys": {"all": 2}, "sys": {"one": 2}, "user": 4}}`, 1},
		"a leaf twice":       {`{"cpu": {"user": 1, "user": 2}}|{"cpu": {"user": 3, "user": "x"}}|{"cpu": {"user": 3, "user": 44}}`, 2},
		"no object":          {`{"cpu": null}|{"cpu": {"user": 2}}|{"cpu": [{"user": 3}]}|{"cpu": {"sys": 7}}|{"cpu": {"sys": {"all": 8}}}`, 0},
		"an object for one":  {`{"cpu": {"user": {"x": 1}}}|{"cpu": {"user": 5}}|{"cpu": {"user": [1]}}`, 2},
		"escapes":            {`{"c\u0070u": {"us\u0065r": "\u0035"}}|{"c\u0070u": {"us\u0065r": "\u0036"}}`, 1},
		"too deep":           {`{"cpu": {"user": [[[[[[[[1]]]]]]]]}}|{"cpu": {"user": [[[[[[[[[1]]]]]]]]]}}`, 0},
		"not finite":         {`{"cpu": {"user": NaN}, "x": [Infinity, -Infinity]}|{"cpu": {"user": -Infinity}, "x": [NaN]}|{"cpu": {"user": -NaN}}`, 1},
		"empty names":        {`{"": {"": 5}, ".": 6}|{"": {"": 5}}|{"": 5}`, 1},
	} {
		var rows [][]byte
		for row := range strings.SplitSeq(c.rows, "|") {
			rows = append(rows, []byte(row))
		}
		for i, paths := range pathSets {
			if fitted := checkPaths(t, rows, paths, Nanoseconds); i == 1 && fitted != c.fitted {
				t.Errorf("%s: %d rows fitted a template, want %d", name, fitted, c.fitted)
			}
		}
	}
}

// drawValue draws a value of a row, which may be an object with the names of paths.
func drawValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if kind > 4 || depth == 0 && kind < 3 {
		return rapid.SampledFrom([]string{"1", "22", "333", `"4"`, `"55"`, `"2026-01-01T00:00:00.5Z"`, `"2026-01-01T00:00:01Z"`, "-6", "0", "1.5", "null", `"x7"`, "true", "NaN", `"\u0031"`, "[1, 22]", "[-Infinity]", `{"x9": "8"}`}).Draw(t, "value")
	}
	var members []string
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := rapid.SampledFrom([]string{"t", "at", "cpu", "user", "sys", "all", "cpu.user", "cpu.sys.all", "t.at", "t_wall_ns", "a", ""}).Draw(t, "name")
		members = append(members, fmt.Sprintf("%q: %s", name, drawValue(t, max(0, depth-1))))
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// TestPathsDrawn compares rows of many kinds with encoding/json. Most rows are like the one before.
func TestPathsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			row := []byte(drawValue(t, 4))
			for range rapid.IntRange(1, 3).Draw(t, "like it") {
				rows = append(rows, row)
				row = bytes.Clone(row)
				for i, c := range row {
					if isDigit(c) && rapid.IntRange(0, 2).Draw(t, "change") == 0 {
						row[i] = "0123456789"[rapid.IntRange(0, 9).Draw(t, "digit")]
					}
				}
			}
		}
		rows = slices.DeleteFunc(rows, func(row []byte) bool {
			_, ok := oracleObject(row)
			return !ok && rapid.IntRange(0, 3).Draw(t, "keep") > 0
		})
		for _, paths := range pathSets {
			checkPaths(t, rows, paths, rapid.SampledFrom([]TimeUnit{Nanoseconds, Seconds, RFC3339}).Draw(t, "unit"))
		}
	})
}

// FuzzPaths compares rows that are scanned, and that are read with templates, with encoding/json.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{
		`{"t": {"at": 100}, "cpu": {"user": 5, "sys": {"all": 6}}}` + "\n" + `{"t": {"at": 104}, "cpu": {"user": 7, "sys": {"all": 12}}}`,
		`{"cpu.user": "2", "cpu": {"user": 3}, "t.at": 1}` + "\n" + `{"cpu.user": "4", "cpu": {"user": 5}, "t.at": 1}`,
		`{"cpu": {"user": 1}, "cpu": {"sys": {"all": 2}}}` + "\n" + `{"cpu": {"user": NaN}, "cpu": {"sys": {"all": -Infinity}}}`,
		`{"t": "2026-01-01T00:00:00Z", "x": {"a1": [1, "b2\"", 3.5e1]}}` + "\n" + `{"t": "2026-01-01T00:00:09Z", "x": {"a2": [2, "b3\"", 9.5e2]}}`,
	} {
		f.Add([]byte(seed), 0)
	}
	f.Fuzz(func(t *testing.T, lines []byte, n int) {
		unit := []TimeUnit{Nanoseconds, Milliseconds, Seconds, RFC3339}[uint(n)%4]
		for _, paths := range pathSets {
			checkPaths(t, bytes.Split(lines, []byte("\n")), paths, unit)
		}
	})
}

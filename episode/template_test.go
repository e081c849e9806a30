package episode

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A cellsRow is what was read of a row.
type cellsRow struct {
	time  stamp
	cells [2]number
}

// newJSONRows returns a reader of rows with two columns besides the time.
func newJSONRows(time TimeUnit, paths ...string) *jsonRows {
	j := &jsonRows{}
	j.reset(paths, &row{unit: unitOf(time), cells: make([]number, len(paths)-1)})
	return j
}

// readRows reads rows with templates, or scans each of them. It returns the numbers of all rows,
// the index of the row that is not JSON or -1, and how many rows fitted a template.
func readRows(j *jsonRows, rows [][]byte, templates bool) (cells []cellsRow, failed, fitted int) {
	var s scanner
	for i, row := range rows {
		if templates && j.template.read(row, &s, j.row) {
			fitted++
		} else if j.scan(row, &s, 10); s.err != nil {
			return cells, i, fitted
		}
		cells = append(cells, cellsRow{j.row.time, [2]number(j.row.cells)})
	}
	return cells, -1, fitted
}

// checkTemplate compares reading rows with templates to scanning each of them. It returns how many
// rows fitted a template.
func checkTemplate(t fataler, rows [][]byte) int {
	read := func(templates bool) ([]cellsRow, int, int) {
		return readRows(newJSONRows(Nanoseconds, "t_wall_ns", "a", "b"), rows, templates)
	}
	want, wantFailed, _ := read(false)
	got, gotFailed, fitted := read(true)
	if gotFailed != wantFailed {
		t.Fatalf("%q: row %d fails, want %d", rows, gotFailed, wantFailed)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q: got %v, want %v", rows, got, want)
	}
	return fitted
}

func TestTemplate(t *testing.T) {
	for name, c := range map[string]struct {
		rows   string
		fitted int
	}{
		"digits":                {`{"t_wall_ns": 100, "a": 5}|{"t_wall_ns": 104, "a": 7}|{"t_wall_ns": 109, "a": 0}`, 2},
		"a longer number":       {`{"a": 9, "b": 1}|{"a": 10, "b": 1}|{"a": 11, "b": 2}`, 2},
		"a shorter number":      {`{"a": 10, "b": 1}|{"a": 9, "b": 1}|{"a": 100, "b": 22}`, 2},
		"the last number":       {`{"a": 9}|{"a": 10}|{"a": 999}`, 2},
		"a sign":                {`{"a": 9}|{"a": -9}|{"a": -0}|{"a": 0}`, 3},
		"kinds of numbers":      {`{"a": 9}|{"a": 9.5}|{"a": 9.75e1}|{"a": 1e-3}|{"a": 1}`, 4},
		"a first digit":         {`{"a": 99}|{"a": 19}|{"a": 90}`, 2},
		"19 and 20 digits":      {`{"a": 1000000000000000000}|{"a": 1999999999999999999}|{"a": 18446744073709551615}|{"a": 18446744073709551616}`, 3},
		"texts":                 {`{"s": "R", "a": 1}|{"s": "S", "a": 2}|{"s": "\n\"é", "a": 3}|{"s": "", "a": 4}`, 3},
		"values of all kinds":   {`{"s": null, "a": 1}|{"s": [1, {"a": 2}], "a": 2}|{"s": {"a": 3}, "a": 3}|{"s": true, "a": true}|{"s": 1, "a": "1"}`, 4},
		"space before a value":  {`{"a":1}|{"a": 2}|{"a":  3}|{"a":4}`, 2},
		"a key twice":           {`{"a": 1, "a": 2}|{"a": 3, "a": null}|{"a": null, "a": 4}`, 2},
		"eight at once":         {`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1}|{"1":22,"2":22,"3":22,"4":22,"5":22,"6":22,"7":22,"8":22}`, 1},
		"nine at once":          {`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1}|{"1":22,"2":22,"3":22,"4":22,"5":22,"6":22,"7":22,"8":22,"9":22}`, 1},
		"another key":           {`{"a1": 1}|{"a2": 1}|{"b": 1}`, 0},
		"a key more":            {`{"a": 1}|{"a": 1, "b": 2}|{"a": 1}`, 0},
		"a digit in a text":     {`{"a": "1"}|{"a": "2"}`, 1},
		"spaces at the end":     {`{"a": 1}|{"a": 1} |{"a": 1}`, 0},
		"empty objects":         {`{}|{}|{ }|{}`, 0},
		"texts of numbers":      {`{"a": "17", "t_wall_ns": "5"}|{"a": "07", "t_wall_ns": "6"}|{"a": "08", "t_wall_ns": "7"}|{"a": "18", "t_wall_ns": "x"}|{"a": "-1.5", "t_wall_ns": "9"}`, 4},
		"digits in objects":     {`{"o": {"a1": [1, 2.5e1, "x3", "\\\"4"]}, "a": 1}|{"o": {"a2": [3, 3.6e2, "x4", "\\\"5"]}, "a": 1}|{"o": {"a2": [30, 3.6e2, "x4", "\\\"5"]}, "a": 2}`, 2},
		"zeros in objects":      {`{"o": [10, -10], "a": 1}|{"o": [00, -10], "a": 1}`, 0},
		"a leading zero":        {`{"a": 10}|{"a": 00}`, 0},
		"a leading zero, grown": {`{"a": 1}|{"a": 01}`, 0},
		"a leading zero, minus": {`{"a": -10}|{"a": -05}`, 0},
		"no digit":              {`{"a": 123}|{"a": 1:3}`, 0},
		"still no digit":        {`{"a": 123}|{"a": 1?3}`, 0},
		"two points":            {`{"a": 1.5}|{"a": 1.5.5}`, 0},
		"not UTF-8":             {`{"a": "x"}|{"a": "` + "\xff" + `"}`, 0},
		"a control byte":        {`{"a": "x"}|{"a": "` + "\t" + `"}`, 0},
		"more after it":         {`{"a": 1}|{"a": 1}{"a": 1}`, 0},
		"less":                  {`{"a": 1}|{"a": 1`, 0},
		"too deep":              {`{"a": [1]}|{"a": [[[[[[[[[1]]]]]]]]]}|{"a": [[[[[[[[[[1]]]]]]]]]]}`, 1},
		"two values":            {`{"a": 1}|{"a": 1 1}`, 0},
		"a value too few":       {`{"a": 1}|{"a": }`, 0},
	} {
		var rows [][]byte
		for row := range strings.SplitSeq(c.rows, "|") {
			rows = append(rows, []byte(row))
		}
		if fitted := checkTemplate(t, rows); fitted != c.fitted {
			t.Errorf("%s: %d rows fitted a template, want %d", name, fitted, c.fitted)
		}
	}
}

// TestTemplateManyFields checks that rows with too many members for a template are scanned.
func TestTemplateManyFields(t *testing.T) {
	row := func(members int) []byte { return []byte(`{` + strings.Repeat(`"x": 1, `, members-1) + `"a": 1}`) }
	most, more := row(mostFields), row(mostFields+1)
	if n := checkTemplate(t, [][]byte{most, most, more, more}); n != 1 {
		t.Errorf("%d rows fitted a template, want 1", n)
	}
}

// TestTemplateManyChanges checks that a row is scanned if too many of its values have another length
// than in the row before.
func TestTemplateManyChanges(t *testing.T) {
	row := func(members int, value string) []byte {
		return []byte(`{"a": ` + value + strings.Repeat(`, "x": `+value, members-1) + `}`)
	}
	if n := checkTemplate(t, [][]byte{row(mostChanged, "1"), row(mostChanged, "22")}); n != 1 {
		t.Errorf("with %d changes, %d rows fitted, want 1", mostChanged, n)
	}
	if n := checkTemplate(t, [][]byte{row(mostChanged+1, "1"), row(mostChanged+1, "22")}); n != 0 {
		t.Errorf("with %d changes, %d rows fitted, want 0", mostChanged+1, n)
	}
}

// checkFitting compares countFitting with looking at one byte after the other. The mask allows any
// digit where text has a 0.
func checkFitting(t fataler, row, text []byte) {
	mask := bytes.Clone(text)
	for i, c := range text {
		if mask[i] = mustEqual; c == '0' {
			mask[i] = anyDigit
		}
	}
	want := 0
	for want < min(len(row), len(text)) && (row[want] == text[want] || text[want] == '0' && isDigit(row[want])) {
		want++
	}
	if got := countFitting(row, text, mask); got != want {
		t.Fatalf("%d bytes of %q fit %q, want %d", got, row, text, want)
	}
}

func TestCountFitting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringMatching(`[0x]{0,100}`).Draw(t, "text"))
		row := append(bytes.Clone(text), rapid.SampledFrom([]string{"", "0x0x0x0x0x"}).Draw(t, "longer")...)
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			if len(row) > 0 {
				row[rapid.IntRange(0, len(row)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
		}
		checkFitting(t, row[:rapid.IntRange(0, len(row)).Draw(t, "length")], text)
	})
	// Change one byte, at each place, as much as a digit may be changed.
	text := bytes.Repeat([]byte("0xx"), 30)
	for i := range text {
		row := bytes.Clone(text)
		row[i] ^= 9
		checkFitting(t, row, text)
	}
	// Compare each byte with each other.
	for c := range 256 {
		for b := range 256 {
			checkFitting(t, bytes.Repeat([]byte{byte(b)}, 41), bytes.Repeat([]byte{byte(c)}, 41))
		}
	}
}

// TestTemplateMutated changes rows in many ways, and compares with scanning.
func TestTemplateMutated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := []byte(rapid.SampledFrom([]string{
			`{"t_wall_ns": 1767225600050000000, "pid": 28526, "s": "R", "a": 12, "b": 0.25}`,
			`{"a":-1.5e+10,"n":null,"t_wall_ns":7,"o":{"a":[1,"é"]},"b":99,"b":100} `,
		}).Draw(t, "row"))
		rows := [][]byte{row}
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			row = bytes.Clone(row)
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				from := rapid.IntRange(0, len(row)).Draw(t, "from")
				to := min(from+rapid.IntRange(0, 2).Draw(t, "length"), len(row))
				with := rapid.SampledFrom([]string{"", "0", "1", "9", "12", "-", ".", "e", `"`, ",", ":", "]", "{", " ", "x", "\xc3", "\\", "é", "null"}).Draw(t, "with")
				row = slices.Replace(row, from, to, []byte(with)...)
			}
			rows = append(rows, row)
			if rapid.Bool().Draw(t, "back") {
				row = rows[0]
			}
		}
		checkTemplate(t, rows)
	})
	// Replace each byte by each other.
	row := []byte(`{"t_wall_ns": 17, "a": -12.5e3, "s": "R2", "b": 0}`)
	for i := range row {
		for c := range 256 {
			changed := bytes.Clone(row)
			changed[i] = byte(c)
			checkTemplate(t, [][]byte{row, changed, row})
		}
	}
}

// FuzzTemplate compares reading lines with templates to scanning each of them.
func FuzzTemplate(f *testing.F) {
	f.Add([]byte(`{"t_wall_ns": 1767225600050000000, "s": "R", "a": 12, "b": 0.25}` + "\n" + `{"t_wall_ns": 1767225600100000000, "s": "S", "a": 9, "b": 1e-3}`))
	f.Add([]byte(`{"a":-1,"n":null,"o":{"a":[1,"é"]},"b":99,"b":100} ` + "\n" + `{"a":-2,"n":true,"o":{"a":[2,"e"]},"b":1,"b":null} `))
	f.Add([]byte(`{"a": 10}` + "\n" + `{"a": 00}` + "\n" + `{"a": }`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		checkTemplate(t, bytes.Split(lines, []byte("\n")))
	})
}

func TestTemplateDoesNotAllocate(t *testing.T) {
	var s scanner
	rows := make([][]byte, 100)
	for i := range rows {
		rows[i] = fmt.Appendf(nil, `{"t_wall_ns": %d, "a": %d, "s": "%c"}`, 1767225600050000000+i, i*i, 'R'+i%2)
	}
	j := newJSONRows(Nanoseconds, "t_wall_ns", "a")
	if n := testing.AllocsPerRun(10, func() {
		j.scan(rows[0], &s, 10)
		for _, row := range rows {
			if !j.template.read(row, &s, j.row) {
				t.Fatalf("%s does not fit", row)
			}
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{0,19}`).Draw(t, "digits")
		want, _ := strconv.ParseUint("0"+digits, 10, 64)
		if got := parseDigits([]byte(digits)); got != want {
			t.Fatalf("%q: %d, want %d", digits, got, want)
		}
	})
}

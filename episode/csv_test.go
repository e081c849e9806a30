package episode

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	et "github.com/cis490/profiles/episode/episodetest"
	"pgregory.net/rapid"
)

// A csvResult is what a CSV member gave.
type csvResult struct {
	rows []cellsRow
	text []string
	err  error
}

// csvRules have the rows of proc in CSV.
func csvRules() Rules {
	f := DefaultFormat()
	f.Sources["proc"] = SourceFormat{Member: "proc.csv", Time: "t", Unit: Seconds, Rows: CSV}
	return Rules{Format: f}
}

// readCSV reads a member with columns t, a and b.
func readCSV(body string, lim Limits) csvResult {
	entry := &tarReader{}
	l := &lines{member: entry, lim: lim.OrDefault(), buf: []byte(body), to: len(body), eof: true, most: lim.OrDefault().Rows}
	r := &row{unit: unitOf(Nanoseconds), cells: make([]number, 2)}
	var c csvRows
	var result csvResult
	if result.err = c.reset(l, []string{"t", "a", "b"}, r); result.err != nil {
		return result
	}
	for {
		text, ok, err := c.read()
		if !ok || err != nil {
			result.err = err
			return result
		}
		result.rows = append(result.rows, cellsRow{r.time, [2]number(r.cells)})
		result.text = append(result.text, string(text))
	}
}

func TestCSV(t *testing.T) {
	at := func(ns uint64) stamp { return unitOf(Nanoseconds).integer(ns) }
	n := func(n uint64) number { return number{n, positive} }
	for name, c := range map[string]struct {
		body string
		want []cellsRow
	}{
		"plain":              {"t,a,b\n1,2,3\n4,5,6\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}, {at(4), [2]number{n(5), n(6)}}}},
		"CRLF and no end":    {"t,a,b\r\n1,2,3\r\n4,5,6", []cellsRow{{at(1), [2]number{n(2), n(3)}}, {at(4), [2]number{n(5), n(6)}}}},
		"two CR":             {"t,a,b\r\r\n1,2,3\r\r\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"byte order mark":    {"\ufefft,a,b\n1,2,3\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"mark and a quote":   {"\ufeff\"t\",a,b\n1,2,3\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"mark alone":         {"\ufeff\n\nt,a,b\n1,2,3\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"blank lines":        {"\n \nt,a,b\n\n1,2,3\n\t\n\n4,5,6\n\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}, {at(4), [2]number{n(5), n(6)}}}},
		"other order":        {"x,b,y,t,a\n,3,,1,2\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"blanks":             {" t ,\ta, b\n 1 , 2\t,  3 \n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"quotes":             {"\"t\",\"a\",b\n\"1\",2,\"3\"\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"blanks in quotes":   {"t,a,b\n1,\" 2\",3\n", []cellsRow{{at(1), [2]number{{}, n(3)}}}},
		"quoted commas":      {"t,x,a,b\n1,\"p,q,\"\"r\"\",\",2,3\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
		"several lines":      {"t,\"x\ny\",a,b\n1,\"p\n\n,q\r\n\",2,3\n4,\"\n\",5,6\n", []cellsRow{{at(1), [2]number{n(2), n(3)}}, {at(4), [2]number{n(5), n(6)}}}},
		"empty cells":        {"t,a,b\n,,\n1,\"\",\n", []cellsRow{{}, {time: at(1)}}},
		"not numbers":        {"t,a,b\nx,0x1,nan\n1,1 2,+3\n", []cellsRow{{}, {time: at(1)}}},
		"all kinds":          {"t,a,b\n1,-0,18446744073709551615\n2,1.5,1e3\n", []cellsRow{{at(1), [2]number{n(0), n(math.MaxUint64)}}, {at(2), [2]number{{math.Float64bits(1.5), float}, {math.Float64bits(1000), float}}}}},
		"no column a":        {"t,b\n1,3\n", []cellsRow{{at(1), [2]number{{}, n(3)}}}},
		"dots do not walk":   {"t,a.b,b.a\n1,2,3\n", []cellsRow{{time: at(1)}}},
		"one column":         {"t\n1\n\n2\n", []cellsRow{{time: at(1)}, {time: at(2)}}},
		"only a header":      {"t,a,b\n", nil},
		"nothing":            {"", nil},
		"quotes of a letter": {"t,a,\"b\"\n1,2,\"3\"", []cellsRow{{at(1), [2]number{n(2), n(3)}}}},
	} {
		got := readCSV(c.body, Limits{})
		if got.err != nil || fmt.Sprint(got.rows) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got.rows, got.err, c.want)
		}
	}
	got := readCSV("t,a,b\n1,2,\"3\n\n\"\r\n 4,5,6 \n", Limits{})
	if fmt.Sprintf("%q", got.text) != `["1,2,\"3\n\n\"" " 4,5,6 "]` {
		t.Errorf("the texts of the rows are %q", got.text)
	}
}

func TestCSVRefuses(t *testing.T) {
	for body, says := range map[string]string{
		"t,a,b\n1,2\n":                    "line 2: 2 cells, but the first line names 3 columns",
		"t,a,b\n1,2,3,4\n":                "line 2: 4 cells, but the first line names 3 columns",
		"t,a,b\n1,\"2\"\n":                "line 2: 2 cells",
		"t,a,b\n\n1\n":                    "line 3: 1 cells",
		"t,,b\n1,2,3\n":                   "line 1: a column has no name",
		"t,a,b,\n1,2,3,\n":                "line 1: a column has no name",
		"t,a,b, a\n":                      `line 1: two columns have the name "a"`,
		"t,\"\",b\n":                      "a column has no name",
		"t,a,b\n1,2\",3\n":                "line 2: a quote in a cell that does not start with one",
		"t,a,b\n1, \"2\",3\n":             "line 2: a quote in a cell that does not start with one",
		"t,a,b\n1,\"2\" ,3\n":             "line 2: more text behind the quotes of a cell",
		"t,a,b\n1,\"2\n\nx\"y,3\n":        "line 4: more text behind",
		"t,a,b\n1,\"2,3\n\n4,5,6\n":       "line 2: a quote is not closed",
		"t,a,\"b\n":                       "line 1: a quote is not closed",
		"t,a,b\n1,2,\xff\n":               "line 2: not UTF-8",
		"t,a,b\n1,\"\n\xff\",3\n":         "line 3: not UTF-8",
		"t,\xff,b\n":                      "line 1: not UTF-8",
		"\ufeff\ufefft,a,b\n\ufeff1,2,3,": "line 2: 4 cells",
	} {
		if got := readCSV(body, Limits{}); !errors.Is(got.err, ErrCorrupt) || !strings.Contains(got.err.Error(), says) {
			t.Errorf("%q: %v, want %q", body, got.err, says)
		}
	}
	long := "t,a,b\n1,2,\"" + strings.Repeat("x\n", 49) + "\"\n"
	if got := readCSV(long, Limits{LineBytes: 104}); got.err != nil {
		t.Error(got.err)
	}
	if got := readCSV(long, Limits{LineBytes: 102}); !errors.Is(got.err, ErrTooLarge) {
		t.Errorf("a long row: %v", got.err)
	}
	if got := readCSV("t,a,b\n1,2,3\n4,5,6\n", Limits{Rows: 1}); !errors.Is(got.err, ErrTooLarge) {
		t.Errorf("two rows: %v", got.err)
	}
	if got := readCSV("t,a,b\n1,2,3\n", Limits{Rows: 1}); got.err != nil {
		t.Errorf("one row: %v", got.err)
	}
}

// TestReadCSV reads an archive with CSV rows, and compares it with the same numbers in JSON.
func TestReadCSV(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("t,cpu_user_jiffies,note\n")
	want := mustRead(t, et.Episode(450).Bytes())
	for i := range 450 {
		object, _ := oracleObject([]byte(strings.Split(et.ProcRows(450), "\n")[i]))
		ns := fmt.Sprint(object["t_wall_ns"])
		note := `"a, ""b"""`
		if i%9 == 0 {
			note = "5"
		}
		fmt.Fprintf(&rows, "%s.%s,%v,%s\n", ns[:10], ns[10:], object["cpu_user_jiffies"], note)
	}
	data := et.Episode(450).Without("telemetry-proc.jsonl").With("proc.csv", rows.String()).Bytes()
	e, err := Read(bytes.NewReader(data), []Wanted{user[0], wanted("proc", "note")}, csvRules())
	if err != nil {
		t.Fatal(err)
	}
	if !sameChannel(e.Channels[0], want.Channels[0]) {
		t.Errorf("the channel differs from that of JSON")
	}
	detail := "400 of the 450 filled cells of proc.note are not numbers"
	if len(e.Warnings) != 1 || e.Warnings[0] != (Warning{WarnNotNumbers, ChannelName{"proc", "note"}, detail}) {
		t.Errorf("warnings %v", e.Warnings)
	}
}

// TestCSVNotNumbers checks that a tenth of the cells may be no numbers.
func TestCSVNotNumbers(t *testing.T) {
	for odd, want := range []bool{false, false, true} {
		body := "t,a\n" + strings.Repeat("1,x\n", odd) + strings.Repeat("1,5\n", 10-odd) + "1,\n1,\n"
		l := &lines{lim: DefaultLimits(), buf: []byte(body), to: len(body), eof: true, most: 100}
		var table table
		table.reset(SourceFormat{Rows: CSV, Unit: Seconds, Time: "t"}, &budget{most: 100, big: new(bigArchive)})
		table.addChannel(Wanted{Name: ChannelName{"x", "a"}})
		if err := table.read(l, nil); err != nil {
			t.Fatal(err)
		}
		if _, got := table.csv.notNumbers(0, ChannelName{"x", "a"}); got != want {
			t.Errorf("%d of 10: warning %v", odd, got)
		}
	}
}

// oracleCSV reads a member with encoding/csv, which differs from the format in a few cases: those
// are not comparable.
func oracleCSV(body string) (records [][]string, valid, comparable bool) {
	body = strings.TrimPrefix(body, "\ufeff")
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" && strings.Trim(line, " \t\r") == "" || strings.Contains(strings.TrimSuffix(line, "\r"), "\r") || strings.HasSuffix(line, "\"\r") {
			return nil, false, false // blank lines that are not empty, and \r within a line
		}
	}
	r := csv.NewReader(strings.NewReader(body))
	for {
		record, err := r.Read()
		if err == io.EOF {
			return records, utf8.ValidString(body), true
		}
		if err != nil {
			return nil, false, true
		}
		records = append(records, record)
	}
}

func checkCSV(t fataler, body string) {
	records, valid, comparable := oracleCSV(body)
	if !comparable {
		return
	}
	if valid && len(records) > 0 {
		names := map[string]bool{}
		for _, name := range records[0] {
			name = strings.Trim(name, " \t")
			valid = valid && name != "" && !names[name]
			names[name] = true
		}
	}
	got := readCSV(body, Limits{})
	if valid != (got.err == nil) {
		t.Fatalf("%q is valid %v: %v", body, valid, got.err)
	}
	if !valid || len(records) == 0 {
		return
	}
	if len(got.rows) != len(records)-1 {
		t.Fatalf("%q has %d rows, want %d", body, len(got.rows), len(records)-1)
	}
	for i, record := range records[1:] {
		for column, name := range records[0] {
			cell := []byte(record[column])
			switch c := strings.Index("ab", name); {
			case name == "t" && got.rows[i].time != unitOf(Nanoseconds).parse(cell):
				t.Fatalf("%q: row %d is at %v, want %q", body, i, got.rows[i].time, cell)
			case len(name) == 1 && c >= 0 && got.rows[i].cells[c] != numberOf(cell):
				t.Fatalf("%q: row %d has %v, want %q", body, i, got.rows[i].cells[c], cell)
			}
		}
	}
}

func TestCSVDrawn(t *testing.T) {
	cell := rapid.SampledFrom([]string{"1", "22", "-3.5", "", "x", `"4"`, `"p,q"`, "\"p\n1\"", `"a""b"`, `""`, `"`, `x"`, "é", "t", "a", "b"})
	rapid.Check(t, func(t *rapid.T) {
		var body strings.Builder
		columns := rapid.IntRange(1, 4).Draw(t, "columns")
		body.WriteString(rapid.SampledFrom([]string{"", "\ufeff"}).Draw(t, "mark") + strings.Join([]string{"t", "a", "b", "\"x\ny\""}[:columns], ","))
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			body.WriteString(rapid.SampledFrom([]string{"\n", "\r\n", "\n\n"}).Draw(t, "end"))
			for c := range columns {
				if c > 0 {
					body.WriteString(",")
				}
				body.WriteString(cell.Draw(t, "cell"))
			}
		}
		checkCSV(t, body.String())
	})
}

// FuzzCSV compares CSV with encoding/csv.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"t,a,b\n1,2,3\n", "\ufeff\"t\",a\r\n1,\"2\"\r\n", "t,\"x\ny\",b\n1,\"p,\"\"q\n\"\"\",3\n\n4,,6", "t,a\n1\n", "t,a\n1,\"x\"y\n", "t,a\n1,x\"y\"\n", "t,\n", "t,t\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		// encoding/csv keeps the blanks around cells, which are dropped here: numbers with them differ.
		if len(body) < 1<<12 && !strings.ContainsAny(body, " \t") {
			checkCSV(t, body)
		}
	})
}

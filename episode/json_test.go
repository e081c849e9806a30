package episode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

// scanObject reads one object and returns the numbers of its members.
func scanObject(text []byte, depth int) (map[string]number, error) {
	return scan(text, depth, nil)
}

func scan(text []byte, depth int, more func() ([]byte, bool)) (map[string]number, error) {
	var s scanner
	numbers := map[string]number{}
	s.reset(text, depth, more)
	for s.object(); s.next(); {
		key := string(s.key)
		numbers[key] = s.number()
	}
	s.end()
	return numbers, s.err
}

func TestScannerNumbers(t *testing.T) {
	for text, want := range map[string]number{
		`0`:                                      {0, positive},
		`-0`:                                     {0, positive},
		`-0.0`:                                   {math.Float64bits(math.Copysign(0, -1)), float},
		`7`:                                      {7, positive},
		`-7`:                                     {7, negative},
		`1767225600000000000`:                    {1767225600000000000, positive},
		`9223372036854775808`:                    {1 << 63, positive},
		`-9223372036854775808`:                   {1 << 63, negative},
		`18446744073709551615`:                   {math.MaxUint64, positive},
		`18446744073709551616`:                   {math.Float64bits(1 << 64), float},
		`-9223372036854775809`:                   {math.Float64bits(-(1 << 63)), float},
		`-999999999999999999`:                    {999999999999999999, negative},
		`1.0`:                                    {math.Float64bits(1), float},
		`1e3`:                                    {math.Float64bits(1000), float},
		`1E+3`:                                   {math.Float64bits(1000), float},
		`25e-1`:                                  {math.Float64bits(2.5), float},
		`0.1`:                                    {math.Float64bits(0.1), float},
		`1e999`:                                  {math.Float64bits(math.Inf(1)), float},
		`-1e999`:                                 {math.Float64bits(math.Inf(-1)), float},
		`1e-999`:                                 {0, float},
		"1" + strings.Repeat("0", 400) + "e-400": {math.Float64bits(1), float},
		`"7"`:                                    {7, positive},
		`"-1.5e1"`:                               {math.Float64bits(-15), float},
		`"\u0037"`:                               {7, positive},
		`"18446744073709551615"`:                 {math.MaxUint64, positive},
		`"-0"`:                                   {0, positive},
		`""`:                                     {},
		`" 7"`:                                   {},
		`"7 "`:                                   {},
		`"07"`:                                   {},
		`"7."`:                                   {},
		`"+7"`:                                   {},
		`"7e"`:                                   {},
		`"0x7"`:                                  {},
		`"NaN"`:                                  {},
		`NaN`:                                    {},
		`Infinity`:                               {},
		`-Infinity`:                              {},
		`[NaN, {"a": -Infinity}]`:                {},
		`null`:                                   {},
		`true`:                                   {},
		`false`:                                  {},
		`{"a": 7}`:                               {},
		`[7, [], {}]`:                            {},
		`"\u0000\ud800"`:                         {},
	} {
		got, err := scanObject([]byte(`{"a": `+text+`}`), 1000)
		if err != nil || got["a"] != want {
			t.Errorf("%s is %v (%v), want %v", text, got["a"], err, want)
		}
	}
}

func TestScannerRefuses(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{`, `}`, `[]`, `7`, `"a"`, `null`, `{}{}`, `{},`, `{}x`, "{}\x00", "\x00{}", "\ufeff{}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`,
		`{"a":1 "b":2}`, `{"a":1,,"b":2}`, `{a:1}`, `{'a':1}`, `{"a":01}`, `{"a":-}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":1.e3}`,
		`{"a":1e}`, `{"a":1e+}`, `{"a":-01}`, `{"a":00}`, `{"a":0x1}`, `{"a":1_000}`, `{"a":nan}`, `{"a":NaNN}`, `{"a":Inf}`, `{"a":-NaN}`, `{"a":- Infinity}`, `{"a":+Infinity}`,
		`{"a":nul}`, `{"a":nulll}`, `{"a":True}`, `{"a":tru`, `{"a":"`, `{"a":"\"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`,
		"{\"a\":\"\t\"}", "{\"a\":\"\n\"}", "{\"a\":\"\x00\"}", "{\"a\":\"\xff\"}", "{\"\xc3\":1}", "{\"a\":\"\xed\xa0\x80\"}",
		`{"a":[}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":[,]}`, `{"a":[1}`, `{"a":{]}`, `{"a":1]`, `{"a":1}}`, `{1:2}`, `{null:1}`,
		"{\"a\":1\u00a0}", "{\"a\":\v1}", `{"a":1/**/}`, `{"a":"\`, `{"a":"\u`, `{"\ud800":1`, `{"a": 1`,
	} {
		if _, err := scanObject([]byte(text), 1000); err == nil {
			t.Errorf("%q is read", text)
		} else if _, ok := err.(syntaxError); !ok || len(err.Error()) > 200 {
			t.Errorf("%q: %v", text, err)
		}
		if json.Valid([]byte(text)) && utf8.ValidString(text) && strings.HasPrefix(text, "{") {
			t.Errorf("%q is valid", text)
		}
	}
}

// TestScannerBytes puts each byte at each position of a string, alone and beside characters that
// are not ASCII or are escaped.
func TestScannerBytes(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			for _, tail := range []string{`}`, `, "é": 1}`, `, "\n": 1}`} {
				text := []byte(`{"abcdefghijklmnopqr": 1` + tail)
				text[2+at] = byte(c)
				want := json.Valid(text) && utf8.Valid(text)
				if _, err := scanObject(text, 9); (err == nil) != want {
					t.Fatalf("%q: %v, want valid %v", text, err, want)
				}
			}
		}
	}
}

func TestScannerKeys(t *testing.T) {
	for text, want := range map[string]string{
		`{"cpu\u005fuser": 1}`:               "cpu_user",
		`{"\"\\\/\b\f\n\r\t": 1}`:            "\"\\/\b\f\n\r\t",
		`{"\ud83d\ude00": 1}`:                "😀",
		`{"\uD83D\uDE00x": 1}`:               "😀x",
		`{"\ud83dx": 1}`:                     "\ufffdx",
		`{"\ud83d\ud83d\ude00": 1}`:          "\ufffd😀",
		`{"\ude00": 1}`:                      "\ufffd",
		`{"é": 1}`:                           "é",
		`{"": 1}`:                            "",
		`{"a": {"b": 5, "a": [1]}, "a": 1}`:  "a",
		" \t\r{ \"a\"\t:\r1\t}\r \t":         "a",
		`{"a": 2, "a": null, "\u0061": 1e0}`: "",
		`{"abcdefghijklmnop\u0071": 1}`:      "abcdefghijklmnopq",
	} {
		got, err := scanObject([]byte(text), 3)
		if want == "" && strings.Contains(text, "1e0") { // of duplicate keys the last counts
			if got["a"] != (number{math.Float64bits(1), float}) {
				t.Errorf("%s: %v", text, got)
			}
			continue
		}
		if err != nil || got[want] != (number{1, positive}) || len(got) != 1 {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func TestScannerDepth(t *testing.T) {
	nest := func(depth int, open, shut string) string {
		return `{"a":` + strings.Repeat(open, depth-1) + strings.Repeat(shut, depth-1) + `}`
	}
	for _, depth := range []int{2, 10, 1000} {
		for _, brackets := range [][2]string{{`[`, `]`}} {
			if _, err := scanObject([]byte(nest(depth, brackets[0], brackets[1])), depth); err != nil {
				t.Errorf("depth %d: %v", depth, err)
			}
			if _, err := scanObject([]byte(nest(depth+1, brackets[0], brackets[1])), depth); err == nil {
				t.Errorf("depth %d is read where %d is the limit", depth+1, depth)
			}
		}
		objects := strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
		if _, err := scanObject([]byte(objects), depth); err != nil {
			t.Errorf("%d objects: %v", depth, err)
		}
		if _, err := scanObject([]byte(`{"b":`+objects+`}`), depth); err == nil {
			t.Errorf("%d objects are read where %d is the limit", depth+1, depth)
		}
	}
	if _, err := scanObject([]byte(`{"a":[],"b":[[]],"c":{},"d":[{}]}`), 3); err != nil { // many arrays and objects, but not deep
		t.Error(err)
	}
}

// TestScannerLines reads an object on several lines.
func TestScannerLines(t *testing.T) {
	text := "\n{\n\"a\"\n:\n1\n,\n\"n\\u0062\"\n:\n[\n{\n}\n,\n2\n]\n,\"c\": -3\n}\n\n"
	for _, text := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
		if !json.Valid([]byte(text)) {
			t.Fatal("not valid")
		}
		// Each line overwrites the one before, as in a buffer.
		rest, buf := strings.Split(text, "\n"), make([]byte, 64)
		more := func() ([]byte, bool) {
			if len(rest) == 0 {
				return nil, false
			}
			for i := range buf {
				buf[i] = 'x'
			}
			n := copy(buf, rest[0])
			rest = rest[1:]
			return buf[:n], true
		}
		got, err := scan(nil, 3, more)
		if err != nil || len(got) != 3 || got["a"].bits != 1 || got["nb"].kind != gap || got["c"] != (number{3, negative}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestScannerDoesNotAllocate(t *testing.T) {
	var s scanner
	s.scratch = make([]byte, 0, 64)
	line := []byte(`{"t_wall_ns": 1767225600000000000, "a\u0062": -1.5e3, "s": "\n", "o": {"p": [true, null, 1.25e30]}}`)
	if n := testing.AllocsPerRun(100, func() {
		s.reset(line, 10, nil)
		for s.object(); s.next(); {
			s.number()
		}
		s.end()
		if s.err != nil {
			t.Fatal(s.err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// FuzzScanner compares the scanner with encoding/json.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"t_wall_ns": 1767225600050000000, "cpu_user_jiffies": 412, "cpu_sys_jiffies": 77}`,
		`{"a":1,"a":2.5e3,"a":null}`, `{"\u0061":-0,"b":[{"c":[[]]}],"d":"\ud83d\ude00\"\\"}`, "{\r\t\"a\" : 18446744073709551616 }\r",
		`{"a":1e999,"b":-1e-999,"c":123456789012345678901234567890}`, "{\"é\":\"\x7f\"}", "{\"a\":\"\xff\"}", `{"a":[1,2,]}`, `{} x`, ``,
		`{"a":01}`, `{"a":-}`, `{"a":"\u12"}`, "\ufeff{}", `[[[[[[[[]]]]]]]]`, `{"a":[[[[[[[[[]]]]]]]]]}`, `{"":{"":{"":{}}}}`, "{\"a\"\n:\n1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const depth = 8
		want, valid := oracleObject(text)
		valid = valid && utf8.Valid(text) && nesting(text) <= depth
		check := func(kind string, got map[string]number, err error) {
			if valid != (err == nil) {
				t.Fatalf("%s: %q is valid %v, error %v", kind, text, valid, err)
			}
			if !valid {
				return
			}
			if len(got) != len(want) {
				t.Fatalf("%s: %q has %d members, want %d", kind, text, len(got), len(want))
			}
			for key, value := range want {
				if n, w := got[key], oracleNumberOf(value); !sameNumber(n, w) {
					t.Fatalf("%s: %q: %q is %v, want %v", kind, text, key, n, value)
				}
			}
		}
		got, err := scanObject(text, depth)
		check("one line", got, err)
		rest := bytes.Split(text, []byte("\n"))
		got, err = scan(nil, depth, func() ([]byte, bool) {
			if len(rest) == 0 {
				return nil, false
			}
			line := bytes.Clone(rest[0])
			rest = rest[1:]
			return line, true
		})
		check("many lines", got, err)
	})
}

func sameNumber(n number, w oracleNumber) bool {
	switch {
	case w.integer != nil:
		sign := map[kind]string{positive: "", negative: "-"}
		text, ok := sign[n.kind]
		return ok && fmt.Sprint(text, n.bits) == w.integer.String() && !(n.kind == negative && n.bits == 0)
	case w.float != nil:
		return n.kind == float && n.bits == math.Float64bits(*w.float)
	}
	return n == number{}
}

// nesting returns the depth of valid JSON.
func nesting(text []byte) int {
	deepest, depth, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

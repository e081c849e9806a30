package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// flat returns the values of a row as text.
func flat(row string) (string, error) {
	var all []string
	err := walkObject(row, func(path []byte, v value) { all = append(all, fmt.Sprintf("%s=%d:%s", path, v.kind, v.text)) })
	return strings.Join(all, " "), err
}

func TestWalkObject(t *testing.T) {
	for row, want := range map[string]string{
		`{"a": 1, "b": "x", "c": null, "d": true, "e": [1, {"f": 2}], "g": {"h": -1.5e3, "i": {"j": "k"}}, "l": {}}`: `a=0:1 b=1:x d=2:true e=2:[1, {"f": 2}] g.h=0:-1.5e3 g.i.j=1:k l=2:{}`,
		` { "a.b" : NaN , "c" : -Infinity } `: `a.b=2:NaN c=2:-Infinity`,
		`{"\u0061\n": "\"q\" \u00e9"}`:        "a\n=1:\"q\" é",
		`{}`:                                  "=2:{}",
	} {
		if got, err := flat(row); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", row, got, err, want)
		}
	}
	for _, row := range []string{``, `[]`, `1`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}x`, `{"a":01}`, `{"a":1.}`, `{"a":+1}`, `{"a":nan}`, `{"a":"\x"}`, "{\"a\":\"\n\"}",
		`{"a":1 "b":2}`, `{a:1}`, "{\"a\":\"\xff\"}", strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)} {
		if got, err := flat(row); err == nil || errors.Is(err, errEndsEarly) {
			t.Errorf("%.40q: %q, %v", row, got, err)
		}
	}
	whole := `{"a": {"b": ["x", 1, {"c": "d"}]}, "e": true}`
	for n := range len(whole) - 1 {
		if _, err := flat(whole[:n+1]); !errors.Is(err, errEndsEarly) && !strings.Contains(fmt.Sprint(err), "value") {
			t.Errorf("%s: %v, want that it ends early", whole[:n+1], err)
		}
	}
}

// FuzzWalkObject: what encoding/json takes for an object is walked without an error, and the other way round.
func FuzzWalkObject(f *testing.F) {
	for _, s := range []string{`{"a": 1}`, `{"a": {"b": "\ud800"}}`, `{"a":[[]]}`, `{"":0.10e-1}`, `{`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, row string) {
		if strings.Contains(row, "NaN") || strings.Contains(row, "Infinity") || strings.Count(row, "[")+strings.Count(row, "{") > maxDepth {
			t.Skip("encoding/json refuses these, or takes deeper rows")
		}
		var want map[string]json.RawMessage
		jsonErr := json.Unmarshal([]byte(row), &want)
		_, err := flat(row)
		if isObject := jsonErr == nil && want != nil; isObject && err != nil && !strings.Contains(err.Error(), "UTF-8") || !isObject && err == nil {
			t.Errorf("%q: %v, encoding/json says %v", row, err, jsonErr)
		}
	})
}

func TestSplitCSV(t *testing.T) {
	for line, want := range map[string]string{
		`a,b`:                    "a|b",
		` a , b,`:                "a|b|",
		`"a,""b""",c`:            `a,"b"|c`,
		`""`:                     "",
		`"a",`:                   "a|",
		`1.5,x y,"z"`:            "1.5|x y|z",
		`,`:                      "|",
		`a"b,c`:                  `a"b|c`,
		`"a" ,b`:                 "error",
		`"a`:                     "error",
		`"a""`:                   "error",
		`ok,"not` + "\n" + `": `: "error",
	} {
		cells, err := splitCSV(line, nil)
		got := strings.Join(cells, "|")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
}

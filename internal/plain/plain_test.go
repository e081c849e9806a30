package plain_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/cis490/profiles/internal/plain"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"cpu-saturate":          "cpu-saturate",
		"häufig 100 % ▁█":       "häufig 100 % ▁█",
		"\x1b]0;pwned\a":        `\x1b]0;pwned\a`,
		"a\r\nb\tc":             `a\r\nb\tc`,
		"\u202egpj.exe\u2066":   `\u202egpj.exe\u2066`,
		"\u009b31m":             `\u009b31m`,
		"\xff\xfe":              "\ufffd\ufffd",
		"\x7f":                  `\x7f`,
		"zero\u200bwidth\ufeff": `zero\u200bwidth\ufeff`,
		"":                      "",
	} {
		if got := plain.Line(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := plain.Cut("aä\x1b", 2); got != "a..." {
		t.Errorf("%q", got)
	}
	if got := plain.Cut("aä\x1b", 4); got != `aä\x1b` {
		t.Errorf("%q", got)
	}
}

func TestName(t *testing.T) {
	for text, want := range map[string]string{
		"cpu-saturate":                     "cpu-saturate",
		"häufig":                           "häufig",
		"a b":                              `"a b"`,
		"":                                 `""`,
		"\x1b[2J":                          `"\x1b[2J"`,
		"a\nb":                             `"a\nb"`,
		"\xff":                             `"\xff"`,
		strings.Repeat("x", 65):            strings.Repeat("x", 64) + "…",
		strings.Repeat("x", 63) + "\u202e": strings.Repeat("x", 63) + "…", // not half a character
	} {
		if got := plain.Name(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestWriter(t *testing.T) {
	const evil = "a\x1b[2J\u202eb\r\u009b\xffä\U000e0001\n\tend"
	var whole strings.Builder
	if n, err := plain.NewWriter(&whole).Write([]byte(evil)); n != len(evil) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got, want := whole.String(), `a\u001b[2J\u202eb\u000d\u009b`+"\ufffdä"+`\udb40\udc01`+"\n\tend"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// It does not matter how the text is split.
	var split strings.Builder
	w := plain.NewWriter(&split)
	for i := range len(evil) {
		if _, err := w.Write([]byte{evil[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if split.String() != whole.String() {
		t.Errorf("byte by byte: %q", split.String())
	}
	if _, err := plain.NewWriter(errorWriter{}).Write([]byte("x")); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("the error is lost: %v", err)
	}
}

type errorWriter struct{}

func (errorWriter) Write([]byte) (int, error) { return 0, iotest.ErrTimeout }

// FuzzWriter: nothing but printed characters comes out, and JSON keeps its meaning.
func FuzzWriter(f *testing.F) {
	f.Add("\x1b]0;x\a\u202e\x7f\u0085\xff")
	f.Fuzz(func(t *testing.T, text string) {
		var out strings.Builder
		if err := json.NewEncoder(plain.NewWriter(&out)).Encode(text); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q has %q", out.String(), r)
			}
		}
		var back string
		if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back != string([]rune(text)) {
			t.Errorf("%q: %q, %v", text, back, err)
		}
		for _, r := range plain.Line(text) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q has %q", text, r)
			}
		}
	})
}

// TestCell: no spreadsheet takes a text for a formula.
func TestCell(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "ep-1": "ep-1", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "'\rx", "a=1": "a=1", "é": "é",
	} {
		if got := plain.Cell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

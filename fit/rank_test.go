package fit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRankOf(t *testing.T) {
	tests := []struct {
		seed          uint64
		host, episode string
		text          string
	}{
		{0, "lab-01", "ep-1", "0\x00lab-01\x00ep-1"},
		{1<<64 - 1, "h", "e", "18446744073709551615\x00h\x00e"},
		{7, strings.Repeat("h", 128), strings.Repeat("e", 128), "7\x00" + strings.Repeat("h", 128) + "\x00" + strings.Repeat("e", 128)},
	}
	for _, test := range tests {
		sum := sha256.Sum256([]byte(test.text))
		if got := RankOf(test.seed, test.host, test.episode); !bytes.Equal(got[:], sum[:16]) {
			t.Errorf("rank of %q = %v, want %x", test.text, got, sum[:16])
		}
	}
	s := DefaultSpec()
	s.Seed = 9
	if s.Rank("h", "e") != RankOf(9, "h", "e") || s.Rank("h", "e") == RankOf(0, "h", "e") {
		t.Error("the ranks of a spec do not use its seed")
	}
	// from sha256sum
	if got := RankOf(0, "lab-01", "ep-1").String(); got != "6330353bdf69e4d6a09deb806915c129" {
		t.Errorf("rank = %s", got)
	}
}

func TestRankText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Rank(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "a"))
		b := Rank(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "b"))
		if back, err := ParseRank(a.String()); err != nil || back != a {
			t.Fatalf("%v gives %v, %v", a, back, err)
		}
		if a.Compare(b) != strings.Compare(a.String(), b.String()) || a.Compare(b) != -b.Compare(a) {
			t.Fatalf("%v and %v have another order as text", a, b)
		}
	})
	for _, text := range []string{"", "00", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("A", 32), strings.Repeat("g", 32), strings.Repeat("é", 16)} {
		if r, err := ParseRank(text); err == nil {
			t.Errorf("%q gives %v", text, r)
		}
	}
}

func TestRankJSON(t *testing.T) {
	ranks := []Rank{RankOf(0, "a", "b"), {}}
	text, err := json.Marshal(ranks)
	if err != nil {
		t.Fatal(err)
	}
	var back []Rank
	if err := json.Unmarshal(text, &back); err != nil || !slices.Equal(back, ranks) {
		t.Errorf("%s gives %v, %v", text, back, err)
	}
	if err := json.Unmarshal([]byte(`["00"]`), &back); err == nil {
		t.Errorf("a short rank gives %v", back)
	}
}

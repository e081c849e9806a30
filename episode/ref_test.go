package episode

import (
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	long := strings.Repeat("a", 128)
	for _, id := range []string{"a", "0", "ep-285be679cba0", "A.b_c-d", "a..", "lab-01", long} {
		ref, err := ParseRef(id, id)
		if err != nil || ref != (Ref{Host(id), ID(id)}) || ref.String() != id+"/"+id {
			t.Errorf("%q: %v, %v", id, ref, err)
		}
	}
	for _, id := range []string{"", ".", "..", "-a", "_a", ".a", "a/b", "a b", "é", "a\n", "a\x00", long + "a", "a*"} {
		if _, err := ParseRef(id, "ep"); err == nil || !strings.HasPrefix(err.Error(), "host_id \"") {
			t.Errorf("host %q: %v", id, err)
		}
		if _, err := ParseRef("lab", id); err == nil || !strings.HasPrefix(err.Error(), "episode_id \"") {
			t.Errorf("episode %q: %v", id, err)
		}
	}
	if _, err := ParseRef(strings.Repeat("x/", 1000), "ep"); len(err.Error()) > 120 {
		t.Errorf("too much said: %v", err)
	}
}

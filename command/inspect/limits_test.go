package inspect_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
)

// TestManyRows: rows behind the limit are not looked at, and the summary says so. The archive is read to its end all the same.
func TestManyRows(t *testing.T) {
	long := strings.Repeat("x", 100)
	a := episodetest.Archive{Members: []episodetest.Member{
		{Name: "more.jsonl", Body: "{\"a\": 1}\n\n{\"a\": 2}\n{\"a\": 3}\n{\"a\": 4}\n{\"a\": 5}\n"},
		{Name: "more.csv", Body: "a,b\n1,1\n\n2,2\n3,3\n4,4\n"},
		{Name: "bad.jsonl", Body: "{\"a\": 1}\nno row\n" + long + "\n" + long + "\n" + long + "\n"},
		{Name: "all.jsonl", Body: "{\"a\": 1}\n{\"a\": 2}\n{\"a\": 3}\n\n"},
		{Name: "all.csv", Body: "a,b\n1,1\n2,2\n3,3"},
	}}
	limits := episode.Limits{Rows: 3, LineBytes: 50}
	read, err := inspect.Read(t.Context(), bytes.NewReader(a.Bytes()), limits)
	if err != nil {
		t.Fatal(err)
	}
	s := inspect.Summarize([]*inspect.Archive{read})
	for name, first := range map[string]int{"more.jsonl": 3, "more.csv": 3, "bad.jsonl": 3, "all.jsonl": 0, "all.csv": 0} {
		m := s.Member(name)
		if m.FirstRows != first || m.Rows+m.BadRows != 3 || name != "bad.jsonl" && *m.Field("a").Greatest != 3 {
			t.Errorf("%s: first rows %d, %d rows, %d bad, a %+v", name, m.FirstRows, m.Rows, m.BadRows, m.Field("a"))
		}
	}
	packed := a.Bytes()
	if _, err := inspect.Read(t.Context(), bytes.NewReader(packed[:len(packed)-1]), limits); !errors.Is(err, episode.ErrCorrupt) {
		t.Errorf("cut off: %v", err)
	}
}

// A cancelReader ends a context when it is first read.
type cancelReader struct {
	io.Reader
	reads  int
	cancel context.CancelCauseFunc
}

var errEnough = errors.New("enough")

func (r *cancelReader) Read(p []byte) (int, error) {
	r.reads++
	r.cancel(errEnough)
	return r.Reader.Read(p)
}

// TestCancelled: the end of the context ends reading an archive, before the end of a file and before the end of a member.
func TestCancelled(t *testing.T) {
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, body := range map[string]string{"long file": string(noise), "long member": strings.Repeat("{\"a\": 1}\n", 10_000)} {
		packed := episodetest.Archive{Members: []episodetest.Member{{Name: "rows.jsonl", Body: body}}}.Bytes()
		ctx, cancel := context.WithCancelCause(t.Context())
		// The last bytes come with io.EOF, so that a short file is never read again.
		r := &cancelReader{Reader: &endReader{packed}, cancel: cancel}
		if _, err := inspect.Read(ctx, r, episode.Limits{}); !errors.Is(err, errEnough) || r.reads != 1 {
			t.Errorf("%s of %d bytes: %v after %d reads", name, len(packed), err, r.reads)
		}
	}
	dir := store(t, map[string][]byte{"lab-01/ep-1.tar.zst": episodetest.Episode(450).Bytes()})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	if _, err := inspect.Store(ctx, dir, inspect.StoreConfig{}); !errors.Is(err, errEnough) {
		t.Errorf("store: %v", err)
	}
}

// An endReader returns io.EOF together with the last bytes.
type endReader struct{ rest []byte }

func (r *endReader) Read(p []byte) (int, error) {
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// TestLongCells: a quoted cell may have several lines. One that does not end is one bad row.
func TestLongCells(t *testing.T) {
	for body, want := range map[string][2]int{
		"a,b\n1,\"x\n\n,\"\"y\"\n2,\"\r\n\"\n":               {2, 0},
		"a,b\n1,x\n2,\"y\n3,z\n":                             {1, 1},
		"a,b\n1,\"" + strings.Repeat("\n", 60) + "\"\n2,x\n": {0, 1},
	} {
		a := episodetest.Archive{Members: []episodetest.Member{{Name: "rows.csv", Body: body}}}
		read, err := inspect.Read(t.Context(), bytes.NewReader(a.Bytes()), episode.Limits{LineBytes: 50})
		if err != nil {
			t.Fatal(err)
		}
		if m := read.Members[0]; m.Rows != want[0] || m.BadRows < want[1] || want[1] == 0 && m.BadRows > 0 || m.Field("a").Rows != m.Rows {
			t.Errorf("%q: %d rows, %d bad, %s", body, m.Rows, m.BadRows, m.Note)
		}
	}
}

package episode

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	et "github.com/cis490/profiles/episode/episodetest"
)

// A tarMember is the name and content of one member of a tar.
type tarMember struct{ name, content string }

// readTar reads all members of a tar.
func readTar(content []byte) ([]tarMember, error) {
	var t tarReader
	t.reset(bytes.NewReader(content), fuzzLimits)
	var members []tarMember
	for {
		err := t.next()
		if err == io.EOF {
			return members, nil
		}
		if err != nil {
			return members, err
		}
		if t.current.Kind != RegularFile {
			continue
		}
		body, err := io.ReadAll(io.LimitReader(&t, 1<<16))
		if err != nil {
			return members, err
		}
		members = append(members, tarMember{t.current.Path, string(body)})
	}
}

// TestTarEnd checks where a tar ends: at the first zero block, or part of one, that is where a
// header is due.
func TestTarEnd(t *testing.T) {
	zeros := strings.Repeat("\x00", blockBytes)
	entry := func(m et.Member) string {
		return string(et.Archive{Members: []et.Member{m}, NoEnd: true}.Tar())
	}
	file := entry(et.Member{Name: "a", Body: "hello"})
	want := []tarMember{{"a", "hello"}}
	for name, before := range map[string]string{
		"nothing before":            "",
		"a folder":                  entry(et.Member{Name: "folder/", Type: tar.TypeDir}),
		"a link":                    entry(et.Member{Name: "link", Type: tar.TypeSymlink, Link: "x"}),
		"a link with a long target": entry(et.Member{Name: "link", Type: tar.TypeSymlink, Link: strings.Repeat("x", 200)}),
		"PAX records":               entry(et.Member{Name: "link", Type: tar.TypeSymlink, Link: "x", PAX: [][2]string{{"VENDOR.x", "1"}}}),
		"global PAX records":        string(et.Archive{Members: []et.Member{{Type: tar.TypeXGlobalHeader, PAX: [][2]string{{"VENDOR.x", "1"}}}}, NoEnd: true}.Tar()),
	} {
		for end, c := range map[string]struct {
			tail string
			err  string
		}{
			"no zero block":                  {"", ""},
			"part of a zero block":           {zeros[:100], ""},
			"a zero block":                   {zeros, ""},
			"a zero block and part of one":   {zeros + zeros[:1], ""},
			"two zero blocks":                {zeros + zeros, ""},
			"a zero block and other bytes":   {zeros + "x", ""},
			"a zero block and another block": {zeros + strings.Repeat("x", blockBytes), ""},
			"a zero block and a member":      {zeros + file, ""},
			"part of another block":          {"x", "damaged tar: ends early"},
			"another block":                  {strings.Repeat("x", blockBytes), "damaged tar: "},
		} {
			got, err := readTar([]byte(before + file + c.tail))
			if !slices.Equal(got, want) || (c.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s, then %s: %v, %v", name, end, got, err)
			}
			// An end right after the entry that is not a member.
			got, err = readTar([]byte(before + c.tail))
			if len(got) > 0 || (c.err == "") != (err == nil) {
				t.Errorf("only %s, then %s: %v, %v", name, end, got, err)
			}
		}
	}
}

// TestTarEndIsAHeader checks that zero blocks within members do not end a tar.
func TestTarEndIsAHeader(t *testing.T) {
	zeros := strings.Repeat("\x00", 3*blockBytes)
	tars := et.Archive{Members: []et.Member{{Name: "a", Body: zeros}, {Name: "b", Body: "x"}}}.Tar()
	got, err := readTar(tars)
	if want := []tarMember{{"a", zeros}, {"b", "x"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	tars[4*blockBytes]++ // the header of b
	if _, err := readTar(tars); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged header after zeros: %v", err)
	}
}

// TestTarAfterSparse checks the end of a tar after a sparse file, where the next header is at an
// unknown offset.
func TestTarAfterSparse(t *testing.T) {
	content := sparse("x", 10)
	got, err := readTar(content)
	if want := []tarMember{{"x", strings.Repeat("\x00", 10)}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	file := et.Archive{Members: []et.Member{{Name: "a", Body: "hello"}}}.Tar()
	got, err = readTar(append(content[:len(content)-2*blockBytes], file...))
	if err != nil || len(got) != 2 || got[1] != (tarMember{"a", "hello"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzTar checks that a tar that archive/tar reads without an error gives the same members here,
// unless a zero block ends it.
func FuzzTar(f *testing.F) {
	f.Add(small().Tar())
	f.Add(sparse("meta.json", 1000))
	f.Add(et.Archive{Members: []et.Member{{Name: "link", Type: tar.TypeSymlink, Link: strings.Repeat("x", 200)}, {Name: "a", Body: "b"}}}.Tar())
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := readTar(content)
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
		r := tar.NewReader(bytes.NewReader(content))
		for i := 0; ; i++ {
			header, rerr := r.Next()
			for rerr == nil && memberOf(header, nil).Kind != RegularFile {
				header, rerr = r.Next()
			}
			if rerr == io.EOF && (err != nil || i != len(got)) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("%d members, %v; archive/tar has %d", len(got), err, i)
			}
			if rerr != nil || i == len(got) {
				return
			}
			body, rerr := io.ReadAll(io.LimitReader(r, 1<<16))
			if rerr != nil || got[i].content != string(body) || cleanPath(header.Name) != got[i].name {
				t.Fatalf("member %d is %q; in archive/tar %s: %q, %v", i, got[i], header.Name, body, rerr)
			}
		}
	})
}

package episode

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	et "github.com/cis490/profiles/episode/episodetest"
)

// members returns the entries of an archive with the content of each.
func members(r io.Reader, lim Limits) (all []Member, contents []string, err error) {
	err = Members(r, lim, func(m *Member) error {
		content, err := io.ReadAll(m)
		all, contents = append(all, Member{Path: m.Path, Kind: m.Kind, Size: m.Size, Link: m.Link}), append(contents, string(content))
		return err
	})
	return all, contents, err
}

func TestMembers(t *testing.T) {
	a := et.Archive{Members: []et.Member{
		{Name: "./a//b", Body: "hello"},
		{Name: "folder/", Type: tar.TypeDir},
		{Name: "hard", Type: tar.TypeLink, Link: "./a/b"},
		{Name: "soft", Type: tar.TypeSymlink, Link: "../x"},
		{Name: "a/b", Body: "again"},
		{Name: "a/b", Type: tar.TypeLink, Link: "a/b"},
		{Name: "pipe", Type: tar.TypeFifo},
	}}
	want := []Member{{Path: "a/b", Size: 5}, {Path: "folder", Kind: OtherEntry}, {Path: "hard", Kind: HardLink, Link: "a/b"}, {Path: "soft", Kind: SymbolicLink, Link: "../x"},
		{Path: "a/b", Size: 5}, {Path: "a/b", Kind: OtherEntry, Link: "a/b"}, {Path: "pipe", Kind: OtherEntry}}
	for name, data := range map[string][]byte{"zstd": a.Bytes(), "gzip": a.Gzip(), "tar": a.Tar()} {
		all, contents, err := members(bytes.NewReader(data), Limits{})
		if err != nil || !slices.Equal(all, want) || contents[0] != "hello" || contents[4] != "again" {
			t.Errorf("%s: %+v, %q, %v", name, all, contents, err)
		}
	}
}

// TestMembersErrors checks that Members finds what Read finds, even if nothing of a member is read.
func TestMembersErrors(t *testing.T) {
	broken := errors.New("broken")
	good := small().Bytes()
	visit := func(*Member) error { return nil }
	for name, c := range map[string]struct {
		r    io.Reader
		lim  Limits
		want error
	}{
		"not an archive":   {strings.NewReader("x"), Limits{}, ErrCorrupt},
		"truncated":        {bytes.NewReader(good[:len(good)-1]), Limits{}, ErrCorrupt},
		"bytes at the end": {bytes.NewReader(join(good, []byte("x"))), Limits{}, ErrCorrupt},
		"too long":         {bytes.NewReader(good), Limits{TotalBytes: 1000}, ErrTooLarge},
		"too many":         {bytes.NewReader(good), Limits{Members: 2}, ErrTooLarge},
		"a large window":   {bytes.NewReader(et.Raw(et.Window(28), nil)), Limits{}, ErrTooLarge},
		"a broken source":  {io.MultiReader(bytes.NewReader(good[:100]), iotest.ErrReader(broken)), Limits{}, broken},
	} {
		if err := Members(c.r, c.lim, visit); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := Members(bytes.NewReader(good), Limits{Rows: -1}, visit); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("invalid limits: %v", err)
	}
	if err := Members(bytes.NewReader(good), Limits{}, func(*Member) error { return broken }); err != broken {
		t.Errorf("visit fails: %v", err)
	}
	if err := Members(bytes.NewReader(et.Raw(et.Window(24), small().Tar())), Limits{}, visit); err != nil || len(bigLock) > 0 {
		t.Errorf("a big window: %v; the lock is held: %v", err, len(bigLock) > 0)
	}
}

func TestCleanPath(t *testing.T) {
	for name, want := range map[string]string{
		"": "", ".": "", "./": "", "/": "", "a": "a", "./a": "a", "././a": "a", ".//a": "a", "/a": "a", "a/": "a", "a//b": "a/b", "a/./b": "a/b",
		"a/.": "a", ".a": ".a", "a.": "a.", "a/.b": "a/.b", "../a": "../a", "a/../b": "a/../b", "./.": "",
	} {
		if got := cleanPath(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// FuzzTwice checks that a member before one of the same path changes nothing.
func FuzzTwice(f *testing.F) {
	f.Add("meta.json", "{", false)
	f.Add("./labels.jsonl", "\xff", true)
	f.Add("telemetry-proc.jsonl", et.ProcRows(3), false)
	f.Add("a/meta.json", "x", true)
	f.Fuzz(func(t *testing.T, name, body string, gzipped bool) {
		path := cleanPath(name)
		if !slices.ContainsFunc(small().Members, func(m et.Member) bool { return m.Name == path }) || len(name) > 90 || strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.") || strings.ContainsRune(name, 0) {
			return
		}
		a := et.Archive{Members: append([]et.Member{{Name: name, Body: body}}, small().Members...)}
		data := a.Bytes()
		if gzipped {
			data = a.Gzip()
		}
		got, err := Read(bytes.NewReader(data), user, Rules{Limits: fuzzLimits})
		if want := mustRead(t, small().Bytes()); err != nil || !sameChannel(got.Channels[0], want.Channels[0]) || got.Duration != want.Duration {
			t.Fatalf("%q: %v", name, err)
		}
	})
}

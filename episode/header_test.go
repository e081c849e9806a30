package episode

import (
	"archive/tar"
	"bytes"
	"errors"
	"strings"
	"testing"

	et "github.com/cis490/profiles/episode/episodetest"
)

// headerOf returns the first header that archive/tar writes.
func headerOf(tb testing.TB, h tar.Header) (block header) {
	tb.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
		tb.Fatal(err)
	}
	copy(block[:], b.Bytes())
	return block
}

// sign sets the checksum that the rest of h asks for.
func (h *header) sign() {
	sum := h.sum()
	for i := range 6 {
		h[148+i] = '0' + byte(sum>>(15-3*i)&7)
	}
	h[154], h[155] = 0, ' '
}

func TestPlainHeader(t *testing.T) {
	file := tar.Header{Typeflag: tar.TypeReg, Name: "a/b.jsonl", Size: 0o1234567, Mode: 0o644, Format: tar.FormatUSTAR}
	with := func(change func(*tar.Header)) header {
		h := file
		change(&h)
		return headerOf(t, h)
	}
	for name, c := range map[string]struct {
		block  header
		member string
		file   bool
		ok     bool
	}{
		"POSIX":          {headerOf(t, file), "b.jsonl", true, true},
		"GNU":            {with(func(h *tar.Header) { h.Format = tar.FormatGNU }), "b.jsonl", true, true},
		"a folder":       {with(func(h *tar.Header) { h.Typeflag, h.Name, h.Size = tar.TypeDir, "a/", 0 }), "", false, true},
		"a long path":    {with(func(h *tar.Header) { h.Name = strings.Repeat("x", 90) + "/" + strings.Repeat("y", 90) }), strings.Repeat("y", 90), true, true},
		"a full field":   {with(func(h *tar.Header) { h.Name = strings.Repeat("x", 100) }), strings.Repeat("x", 100), true, true},
		"a link":         {with(func(h *tar.Header) { h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "x", 0 }), "", false, false},
		"of PAX":         {with(func(h *tar.Header) { h.Format, h.Name = tar.FormatPAX, "é" }), "", false, false},
		"a huge size":    {with(func(h *tar.Header) { h.Format, h.Size = tar.FormatGNU, 1<<40 }), "", false, false},
		"no header":      {header{}, "", false, false},
		"a wrong sum":    {func() header { h := headerOf(t, file); h[0]++; return h }(), "", false, false},
		"no octal mode":  {func() header { h := headerOf(t, file); h[100] = '8'; h.sign(); return h }(), "", false, false},
		"digits, spaces": {func() header { h := headerOf(t, file); copy(h[100:], "644  \x00 \x00"); h.sign(); return h }(), "b.jsonl", true, true},
		"of STAR":        {func() header { h := headerOf(t, file); copy(h[508:], "tar\x00"); h.sign(); return h }(), "", false, false},
		"a full block":   {func() header { h := headerOf(t, file); fill(h[345:500], 0xFF); h.sign(); return h }(), "b.jsonl", true, true},
	} {
		member, size, isFile, ok := c.block.plain()
		if !strings.HasSuffix(string(member), c.member) || isFile != c.file || ok != c.ok || isFile && size != file.Size {
			t.Errorf("%s: %q of %d bytes, file %v, plain %v", name, member, size, isFile, ok)
		}
		checkHeader(t, c.block)
	}
}

// checkHeader holds that archive/tar reads from a plain header what plain does.
func checkHeader(t *testing.T, block header) {
	t.Helper()
	name, size, file, ok := block.plain()
	if !ok {
		return
	}
	h, err := tar.NewReader(bytes.NewReader(block[:])).Next()
	if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
		t.Fatalf("%q is plain, for archive/tar: %v", block, err)
	}
	base := func(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
	if file != (h.Typeflag == tar.TypeReg) || !file && h.Typeflag != tar.TypeDir || file && (size != h.Size || base(string(name)) != base(h.Name)) {
		t.Fatalf("%q: %q of %d bytes, file %v; for archive/tar %q of %d bytes, type %q", block, name, size, file, h.Name, h.Size, h.Typeflag)
	}
}

// FuzzHeader compares plain with archive/tar, on headers with the right checksum.
func FuzzHeader(f *testing.F) {
	for _, format := range []tar.Format{tar.FormatUSTAR, tar.FormatGNU} {
		block := headerOf(f, tar.Header{Typeflag: tar.TypeReg, Name: "a/meta.json", Size: 335, Mode: 0o644, Format: format})
		f.Add(block[:])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var block header
		copy(block[:], text)
		block.sign()
		checkHeader(t, block)
	})
}

// TestTarsAlike reads archives whose first header is plain, or is not, so that all is read by archive/tar: both are the same, cut
// at every byte, too.
func TestTarsAlike(t *testing.T) {
	plain := small().Tar()
	link := et.Archive{Members: []et.Member{{Name: "x", Type: tar.TypeSymlink, Link: "y"}}}.Tar()[:blockBytes]
	text := func(content []byte) string {
		e, err := Read(bytes.NewReader(et.Raw(et.Window(17), content)), user, Limits{})
		if err != nil {
			return err.Error()
		}
		return "fine, " + e.Channels[0].Name.String()
	}
	for n := range len(plain) + 1 {
		if a, b := text(plain[:n]), text(join(link, plain[:n])); a != b {
			t.Fatalf("cut at %d: %s; with archive/tar %s", n, a, b)
		}
	}
}

func BenchmarkHeader(b *testing.B) {
	block := headerOf(b, tar.Header{Typeflag: tar.TypeReg, Name: "a/meta.json", Mode: 0o644, Format: tar.FormatUSTAR})
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, _, ok := block.plain(); !ok {
				b.Fatal("not plain")
			}
		}
	})
	b.Run("tar", func(b *testing.B) {
		b.ReportAllocs()
		r := tar.NewReader(again(block[:]))
		for b.Loop() {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// again gives one block for ever.
type again []byte

func (a again) Read(p []byte) (int, error) { return copy(p, a), nil }

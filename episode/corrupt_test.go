package episode

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	et "github.com/cis490/profiles/episode/episodetest"
)

func TestReadCorrupt(t *testing.T) {
	content := small().Tar()
	good, gzip := small().Bytes(), small().Gzip()
	flipped := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[(at+len(data))%len(data)] ^= 1
		return data
	}
	line := func(member, line string) []byte {
		for _, m := range small().Members {
			if m.Name == member {
				lines := strings.SplitAfter(m.Body, "\n")
				return small().With(member, lines[0]+line+"\n"+strings.Join(lines[1:], "")).Bytes()
			}
		}
		t.Fatal(member)
		return nil
	}
	with := func(members ...et.Member) []byte {
		return et.Archive{Members: append(small().Members, members...)}.Bytes()
	}
	meta := func(body string) []byte { return small().With("meta.json", body).Bytes() }
	const at = `{"t_wall_ns": 1767225600060000000, `
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":                                 {nil, "corrupt archive: empty"},
		"text":                                    {[]byte("hello, world"), "corrupt archive: it is not zstd, gzip or tar: its first bytes are 68 65 6c 6c 6f 2c 20 77"},
		"zeros":                                   {make([]byte, 10240), "it is not zstd, gzip or tar: its first bytes are 00 00"},
		"zip":                                     {[]byte("PK\x03\x04\x14\x00"), "it is not zstd, gzip or tar: it looks like zip"},
		"xz":                                      {[]byte("\xfd7zXZ\x00\x00\x04"), "it looks like xz"},
		"bzip2":                                   {[]byte("BZh91AY&SY"), "it looks like bzip2"},
		"three bytes":                             {good[:3], "it is not zstd, gzip or tar: its first bytes are 28 b5 2f"},
		"gzip header":                             {[]byte("\x1f\x8b\x08\x00\x00\x00"), "truncated in gzip"},
		"gzip of a wrong method":                  {flipped(gzip, 2), "gzip: invalid header"},
		"gzip with a wrong checksum":              {flipped(gzip, -5), "gzip: invalid checksum"},
		"gzip with a wrong length":                {flipped(gzip, -1), "gzip: invalid checksum"},
		"gzip with a damaged block":               {join(gzip[:10], []byte{7}, gzip[11:]), "flate: corrupt input"},
		"gzip and a byte":                         {join(gzip, []byte("\x1f")), "bytes after the end of the gzip file"},
		"gzip and zeros":                          {join(gzip, make([]byte, 512)), "bytes after the end of the gzip file"},
		"gzip and zstd":                           {join(gzip, good), "bytes after the end of the gzip file"},
		"gzip and half a stream":                  {join(gzip, gzip[:20]), "truncated in gzip"},
		"gzip and a damaged stream":               {join(gzip, flipped(gzip, -1)), "gzip: invalid checksum"},
		"gzip of nothing":                         {et.Gzip(nil), "no meta.json"},
		"zstd and gzip":                           {join(good, gzip), "bytes after the last zstd frame"},
		"gzip of zstd":                            {et.Gzip(good), "damaged tar"},
		"a damaged tar header, not compressed":    {flipped(content, 0), "damaged tar"},
		"an old tar with a wrong checksum":        {flipped(v7(content), 0), "it is not zstd, gzip or tar"},
		"half a tar header, not compressed":       {content[:300], "damaged tar: ends early"},
		"a member ends early, not compressed":     {content[:600], "meta.json: ends early"},
		"only a magic number":                     {good[:4], "truncated in a frame header"},
		"only skippable":                          {et.Skippable([]byte("x")), "no meta.json"},
		"truncated":                               {good[:len(good)-100], "truncated in a zstd frame"},
		"truncated checksum":                      {good[:len(good)-1], "truncated"},
		"truncated skippable":                     {join(good, et.Skippable([]byte("hello"))[:10]), "truncated"},
		"truncated skippable header":              {join(good, et.Skippable([]byte("hello"))[:6]), "truncated in a skippable frame"},
		"wrong checksum":                          {flipped(good, -1), "zstd: "},
		"bytes after":                             {join(good, []byte("x")), "bytes after the last zstd frame"},
		"more bytes after":                        {join(good, make([]byte, 100)), "bytes after the last zstd frame"},
		"a newline after":                         {join(good, []byte("\n")), "bytes after the last zstd frame"},
		"another frame is damaged":                {join(good, flipped(good, -1)), "zstd: "},
		"another frame is not whole":              {join(good, good[:20]), "truncated"},
		"reserved bit":                            {et.Raw(et.Header(0x08, 7<<3), content), "reserved bit"},
		"reserved block":                          {join(et.Window(17), et.Block(true, et.BlockReserved, 0)), "reserved type"},
		"dictionary":                              {et.Raw(et.Header(1, 7<<3, 9), content), "dictionary 9"},
		"block over its window":                   {join(et.Window(10), et.Block(true, et.BlockRaw, len(content), content...)), "zstd: "},
		"more than the content size":              {et.Raw(et.SingleSegment(uint64(len(content)-1)), content), "zstd: "},
		"less than the content size":              {et.Raw(et.SingleSegment(uint64(len(content)+1)), content), "zstd: "},
		"damaged tar header":                      {et.Compress(flipped(content, 0)), "damaged tar"},
		"a later tar header":                      {et.Compress(flipped(content, 1024)), "damaged tar"},
		"not tar":                                 {et.Compress(bytes.Repeat([]byte("x"), 5000)), "damaged tar"},
		"half a tar header":                       {et.Compress(content[:100]), "ends early"},
		"a member ends early":                     {et.Compress(content[:600]), "meta.json: ends early"},
		"an unneeded member ends early":           {et.Compress(et.Archive{Members: []et.Member{{Name: "x", Body: "hello"}}}.Tar()[:514]), "damaged tar: ends early"},
		"an empty tar":                            {et.Archive{}.Bytes(), "no meta.json; the archive has no files"},
		"no meta":                                 {small().Without("meta.json").Bytes(), "no meta.json; the archive has labels.jsonl, telemetry-proc.jsonl"},
		"no labels":                               {small().Without("labels.jsonl").Bytes(), "no labels.jsonl"},
		"meta in two folders":                     {with(et.Member{Name: "old/meta.json", Body: "{}"}), "two members are named meta.json: meta.json and old/meta.json;"},
		"labels in two folders":                   {with(et.Member{Name: "a/b/labels.jsonl"}), "two members are named labels.jsonl: labels.jsonl and a/b/labels.jsonl;"},
		"rows in two folders":                     {with(et.Member{Name: "x\n/telemetry-proc.jsonl"}), `two members are named telemetry-proc.jsonl: telemetry-proc.jsonl and "x\n/telemetry-proc.jsonl";`},
		"the last of two is broken":               {with(et.Member{Name: "./labels.jsonl", Body: "no"}), "labels.jsonl line 1: unexpected 'n'"},
		"the last of two is a link":               {with(et.Member{Name: "labels.jsonl", Type: tar.TypeLink, Link: "./l"}), "no labels.jsonl: it is a hard link to l"},
		"two are broken":                          {with(et.Member{Name: "labels.jsonl", Body: "no"}, et.Member{Name: "meta.json", Body: "no"}), "labels.jsonl line 1: unexpected 'n'"},
		"only a link to meta":                     {et.Archive{Members: append([]et.Member{{Name: "meta.json", Type: tar.TypeSymlink, Link: "x"}}, small().Members[1:]...)}.Bytes(), "no meta.json: it is a symbolic link to x"},
		"empty meta":                              {meta(""), "meta.json line 0: ends early"},
		"blank meta":                              {meta("\n \n"), "meta.json line 2: ends early"},
		"two metas":                               {meta("{}\n{}"), "meta.json line 2: unexpected '{' at byte 1"},
		"meta is a list":                          {meta("[]"), "meta.json line 1: unexpected '['"},
		"meta has a byte order mark":              {meta("\ufeff{}"), "meta.json line 1: byte order mark"},
		"meta is not UTF-8":                       {meta("{\n\"\xff\": 1}"), "meta.json line 2: not UTF-8"},
		"meta is broken":                          {meta("{\n\"a\":\n}"), "meta.json line 3: unexpected '}'"},
		"meta has a string over lines":            {meta("{\"a\n\": 1}"), "meta.json line 1: ends early"},
		"result is a list":                        {meta(`{"result": []}`), `meta.json: "result" is not an object`},
		"result is a number":                      {meta(`{"result": 7}`), `"result" is not an object`},
		"result is a string":                      {meta(`{"result": {}, "result": "x"}`), `"result" is not an object`},
		"result is nothing":                       {meta(`{"result": nul}`), `unexpected`},
		"duration is a string":                    {meta(et.Meta(`"45 s"`)), `meta.json: "result.duration_observed_s" is not a finite number`},
		"duration is a bool":                      {meta(et.Meta(`true`)), `"result.duration_observed_s" is not a finite number`},
		"duration is infinite":                    {meta(et.Meta(`-1e999`)), `"result.duration_observed_s" is not a finite number`},
		"duration is NaN":                         {meta(et.Meta(`NaN`)), `"result.duration_observed_s" is not a finite number`},
		"duration is null?":                       {meta(et.Meta(`nil`)), `meta.json line 1: unexpected 'n'`},
		"meta too deep":                           {meta(`{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}"), "nested too deep"},
		"label without a time":                    {line("labels.jsonl", `{"phase": "armed"}`), `corrupt archive: labels.jsonl line 2: no t_wall_ns, the keys are phase`},
		"label with a null time":                  {line("labels.jsonl", `{"t_wall_ns": null}`), `labels.jsonl line 2: t_wall_ns is null, not a time in ns`},
		"label with a text for a time":            {line("labels.jsonl", `{"t_wall_ns": "7 s"}`), `labels.jsonl line 2: t_wall_ns is "7 s", not a time in ns`},
		"label with an infinite time":             {line("labels.jsonl", `{"t_wall_ns": 1e999}`), `labels.jsonl line 2: t_wall_ns is 1e999, not a time in ns`},
		"first label with infinite time":          {small().With("labels.jsonl", `{"t_wall_ns": 1e999}`).Bytes(), `labels.jsonl line 1: t_wall_ns is 1e999, not a time in ns`},
		"label that is no object":                 {line("labels.jsonl", `7`), `labels.jsonl line 2: unexpected '7' at byte 1, want an object`},
		"label with more after it":                {line("labels.jsonl", at+`"phase": "x"} 7`), `labels.jsonl line 2: unexpected '7'`},
		"two labels in a line":                    {line("labels.jsonl", at+`"phase": "x"}`+at+`"phase": "x"}`), `labels.jsonl line 2: unexpected '{'`},
		"label over two lines":                    {line("labels.jsonl", at+"\n"+`"phase": "x"}`), `labels.jsonl line 2: ends early`},
		"label with a broken phase":               {line("labels.jsonl", at+`"phase": [}`), `labels.jsonl line 2: unexpected '}'`},
		"row that is no object":                   {line("telemetry-proc.jsonl", `[]`), `telemetry-proc.jsonl line 2: unexpected '['`},
		"row that is broken":                      {line("telemetry-proc.jsonl", at+`"x": 01}`), `telemetry-proc.jsonl line 2: unexpected '0'`},
		"row not UTF-8":                           {line("telemetry-proc.jsonl", at+"\"\xc3\": 1}"), `telemetry-proc.jsonl line 2: not UTF-8`},
		"row with a byte order mark":              {line("telemetry-proc.jsonl", "\ufeff"+at+`"x": 1}`), `telemetry-proc.jsonl line 2: byte order mark`},
		"rows behind the needed":                  {line("telemetry-proc.jsonl", `{"a": 1,}`), `telemetry-proc.jsonl line 2`},
		"row over two lines, like the row before": {small().With("telemetry-proc.jsonl", at+`"cpu_user_jiffies": 12}`+"\n"+at+`"cpu_user_jiffies":`+"\n"+`12}`+"\n").Bytes(), `telemetry-proc.jsonl line 2: ends early`},
		"row too deep":                            {line("telemetry-proc.jsonl", `{"a":`+strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1001)), `line 2: nested too deep`},
		"no-break space":                          {line("telemetry-proc.jsonl", "\u00a0"), `line 2: unexpected '\u00a0'`},
		"form feed":                               {line("telemetry-proc.jsonl", "\f"), `line 2: unexpected '\f'`},
	} {
		e, err := read(c.data)
		if !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnusable) || e != nil {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q doesn't say %q", name, err, c.says)
		}
	}
}

// v7 returns a tar whose first header has no magic, as the oldest tars, but a valid checksum.
func v7(tar []byte) []byte {
	tar = bytes.Clone(tar)
	clear(tar[257:265])
	copy(tar[148:156], "        ")
	sum := 0
	for _, c := range tar[:512] {
		sum += int(c)
	}
	copy(tar[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return tar
}

// TestReadTruncated cuts an archive at every byte.
func TestReadTruncated(t *testing.T) {
	content := small().Tar()
	for name, data := range map[string][]byte{
		"one frame":      small().Bytes(),
		"several frames": join(et.Skippable([]byte("note")), et.Frames(content, 3000), et.Skippable([]byte("note"))),
		"no checksum":    et.Compress(content, zstd.WithEncoderCRC(false), zstd.WithEncoderLevel(zstd.SpeedFastest)),
		"gzip":           small().Gzip(),
		"gzip streams":   join(et.GzipStreams(content, 3000), et.Gzip(nil)),
	} {
		whole := map[int]bool{}
		switch name {
		case "several frames":
			whole[len(data)-12] = true // without the last skippable frame
		case "gzip streams":
			whole[len(data)-len(et.Gzip(nil))] = true // without the last stream
		}
		for n := range data {
			_, err := read(data[:n])
			// The other cuts between frames leave a valid zstd file, but a tar that ends early.
			if whole[n] != (err == nil) || !whole[n] && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s, %d of %d bytes: %v", name, n, len(data), err)
			}
		}
	}
	// Cut the tar, and compress it then. A cut between members only removes members.
	between := func(n int) bool {
		end := 0
		for _, m := range small().Members {
			body := end + 512 + len(m.Body)
			padded := (body + 511) / 512 * 512
			if n == end || body <= n && n <= padded {
				return true
			}
			end = padded
		}
		return n >= end // the end blocks, or part of them
	}
	for n := range content {
		if n%512 > 8 && n%512 < 504 && n%16 != 0 {
			continue // these cuts are enough
		}
		for name, data := range map[string][]byte{
			"zstd": et.Compress(content[:n], zstd.WithEncoderLevel(zstd.SpeedFastest)),
			"gzip": et.Gzip(content[:n]),
			"tar":  content[:n],
		} {
			_, err := read(data)
			says := fmt.Sprint(err)
			damaged := strings.Contains(says, "ends early") || strings.Contains(says, "not zstd, gzip or tar") || strings.HasSuffix(says, "empty")
			if (between(n) && (n > 0 || name != "tar")) == damaged || damaged && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s of %d of %d bytes of tar: %v", name, n, len(content), err)
			}
		}
	}
}

// TestReadFlipped flips a bit of each byte, and checks that Read does not panic and that every error
// matches one of the documented errors.
func TestReadFlipped(t *testing.T) {
	each := func(data []byte, try func(i int, bit byte)) {
		for i := range data {
			bit := byte(1) << (3 * i % 8)
			data[i] ^= bit
			try(i, bit)
			data[i] ^= bit
		}
	}
	known := func(err error) bool {
		return err == nil || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnusable)
	}
	for _, data := range [][]byte{small().Bytes(), small().Gzip()} {
		want := mustRead(t, data)
		each(data, func(i int, bit byte) {
			e, err := read(data)
			if err == nil && reflect.DeepEqual(e, want) {
				return // the bit has no meaning, or it makes the window larger
			}
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		})
	}
	content := small().Tar()
	each(content, func(i int, bit byte) {
		for _, data := range [][]byte{et.Raw(et.Window(17), content), content} {
			if _, err := read(data); !known(err) {
				t.Fatalf("byte %d of the tar, bit %d: %v", i, bit, err)
			}
		}
	})
}

// TestReadSourceError checks that Read returns the error of its source, after any number of bytes.
func TestReadSourceError(t *testing.T) {
	broken := errors.New("connection reset")
	for name, data := range map[string][]byte{
		"one frame":    small().Bytes(),
		"skippable":    join(et.Skippable(make([]byte, 300)), small().Bytes()),
		"gzip":         small().Gzip(),
		"gzip streams": et.GzipStreams(small().Tar(), 3000),
		"tar":          small().Tar(),
	} {
		for n := range len(data) + 1 {
			for kind, r := range map[string]io.Reader{
				"after": io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)),
				"with":  iotest.DataErrReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken))),
				"EOF":   io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(io.ErrUnexpectedEOF)),
			} {
				_, err := Read(r, user, Rules{})
				want := broken
				if kind == "EOF" {
					want = io.ErrUnexpectedEOF
				}
				if !errors.Is(err, want) || errors.Is(err, ErrCorrupt) {
					t.Fatalf("%s, %s %d bytes: %v", name, kind, n, err)
				}
			}
		}
	}
}

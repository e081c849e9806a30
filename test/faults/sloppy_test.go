//go:build faults

package faults

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	et "github.com/cis490/profiles/episode/episodetest"
)

// otherSuffix is the suffix of some archives of the fleet's store; the others have .tar.zst.
const otherSuffix = ".tgz"

// sloppy has what becomes of some archives: they are compressed in another way, or their rows are
// as a sloppy recorder writes them. The keys are remainders of the episode's number by 20.
var sloppy = map[int]func(t *testing.T, path string){
	1: func(t *testing.T, path string) {
		replace(t, path, strings.TrimSuffix(path, ".tar.zst")+otherSuffix, gzipped(t, unpacked(t, path)))
	},
	3: func(t *testing.T, path string) { replace(t, path, path, gzipped(t, unpacked(t, path))) },
	5: func(t *testing.T, path string) { replace(t, path, path, unpacked(t, path)) },
	9: withRows(func(rows []string) []string { // delivered twice
		return append(slices.Clone(rows), rows[len(rows)/2:]...)
	}),
	11: withRows(func(rows []string) []string { // one row an hour ahead, one count of 0
		rows[len(rows)/3] = change(rows[len(rows)/3], "t_wall_ns", 3600e9)
		rows[len(rows)/2] = zeroCounts(rows[len(rows)/2])
		return rows
	}),
	15: withRows(func(rows []string) []string { // rows in another order
		for i := 10; i+20 < len(rows); i += 50 {
			slices.Reverse(rows[i : i+3])
		}
		return rows
	}),
	19: withRows(func(rows []string) []string { // rows of two processes
		for i := 0; i < len(rows); i += 2 {
			rows[i] = zeroCounts(rows[i])
		}
		return rows
	}),
}

// replace writes an archive to a path in place of the one at old.
func replace(t *testing.T, old, path string, archive []byte) {
	if err := errors.Join(os.Remove(old), os.WriteFile(path, archive, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// unpacked returns the tar of an archive.
func unpacked(t *testing.T, path string) []byte {
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func gzipped(t *testing.T, content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withRows returns a function that changes the rows of the source proc of an archive.
func withRows(change func(rows []string) []string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		var a et.Archive
		r := tar.NewReader(bytes.NewReader(unpacked(t, path)))
		for h, err := r.Next(); err != io.EOF; h, err = r.Next() {
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if h.Name == "telemetry-proc.jsonl" {
				rows := strings.Split(strings.TrimSpace(string(body)), "\n")
				body = []byte(strings.Join(change(rows), "\n"))
			}
			a.Members = append(a.Members, et.Member{Name: h.Name, Body: string(body)})
		}
		replace(t, path, path, a.Bytes())
	}
}

// change adds to an integer of a row.
func change(row, key string, by int64) string {
	return regexp.MustCompile(`("`+key+`": ?)(-?\d+)`).ReplaceAllStringFunc(row, func(member string) string {
		name, digits, _ := strings.Cut(member, ":")
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil {
			panic(err)
		}
		return name + ":" + strconv.FormatInt(n+by, 10)
	})
}

var counts = regexp.MustCompile(`("(?:cpu_user_jiffies|cpu_sys_jiffies)": ?)\d+`)

// zeroCounts sets the counts of CPU time in a row to 0.
func zeroCounts(row string) string { return counts.ReplaceAllString(row, "${1}0") }

// archiveOf returns the path of an episode's archive, which has one of two suffixes.
func (f *fleet) archiveOf(host, episode string) string {
	path := f.storeDir() + "/" + host + "/" + episode
	if _, err := os.Stat(path + otherSuffix); err == nil {
		return path + otherSuffix
	}
	return path + ".tar.zst"
}

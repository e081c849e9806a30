// Package episodetest makes episode archives in memory, complete and damaged ones. It is for tests
// only, and panics if it is used wrongly.
package episodetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A Member is one member of a tar.
type Member struct {
	Name string
	Body string
	Type byte        // as in archive/tar; zero is a regular file
	Link string      // target of a link
	PAX  [][2]string // keys and values of further PAX records
}

// An Archive describes a tar. Its zero value is empty.
type Archive struct {
	Members []Member
	Format  tar.Format // zero: the simplest one that can hold each member
	NoEnd   bool       // leave out the two zero blocks at the end
	Tail    string     // bytes after them
}

// With returns the archive with the member of a name replaced, or added at the end.
func (a Archive) With(name, body string) Archive {
	members := make([]Member, 0, len(a.Members)+1)
	found := false
	for _, m := range a.Members {
		if m.Name == name {
			m.Body, found = body, true
		}
		members = append(members, m)
	}
	if !found {
		members = append(members, Member{Name: name, Body: body})
	}
	a.Members = members
	return a
}

// Without returns the archive without the members of a name.
func (a Archive) Without(name string) Archive {
	var members []Member
	for _, m := range a.Members {
		if m.Name != name {
			members = append(members, m)
		}
	}
	a.Members = members
	return a
}

// Tar returns the tar.
func (a Archive) Tar() []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range a.Members {
		h := &tar.Header{Name: m.Name, Typeflag: m.Type, Linkname: m.Link, Mode: 0o644, Format: a.Format}
		switch h.Typeflag {
		case 0:
			h.Typeflag = tar.TypeReg
		case tar.TypeXGlobalHeader: // has nothing but records
			h = &tar.Header{Typeflag: m.Type}
		}
		if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont {
			h.Size = int64(len(m.Body))
		}
		for _, r := range m.PAX {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords[r[0]] = r[1]
		}
		must(w.WriteHeader(h))
		if h.Size > 0 {
			_, err := w.Write([]byte(m.Body))
			must(err)
		}
	}
	must(w.Flush())
	if !a.NoEnd {
		must(w.Close())
	}
	b.WriteString(a.Tail)
	return b.Bytes()
}

// Bytes returns the archive as a receiver stores it: one zstd frame with a checksum.
func (a Archive) Bytes() []byte { return Compress(a.Tar()) }

// Gzip returns the archive as a gzip file of one stream.
func (a Archive) Gzip() []byte { return Gzip(a.Tar()) }

// Gzip returns a gzip file of one stream.
func Gzip(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	must(err)
	must(w.Close())
	return b.Bytes()
}

// GzipStreams returns content as a gzip file of several streams of at most size bytes each.
func GzipStreams(content []byte, size int) []byte {
	var b []byte
	for len(content) > 0 {
		n := min(size, len(content))
		b = append(b, Gzip(content[:n])...)
		content = content[n:]
	}
	return b
}

// Compress returns one zstd frame, with a checksum unless the options say otherwise.
func Compress(content []byte, options ...zstd.EOption) []byte {
	options = append([]zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true)}, options...)
	w, err := zstd.NewWriter(nil, options...)
	must(err)
	out := w.EncodeAll(content, nil)
	must(w.Close())
	return out
}

// Frames returns content as several zstd frames of at most size bytes.
func Frames(content []byte, size int, options ...zstd.EOption) []byte {
	var b []byte
	for len(content) > 0 {
		n := min(size, len(content))
		b = append(b, Compress(content[:n], options...)...)
		content = content[n:]
	}
	return b
}

// Skippable returns a skippable zstd frame.
func Skippable(content []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2A50)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(content)))
	return append(b, content...)
}

// Header returns the magic number and the header of a zstd frame: the descriptor and the fields
// after it.
func Header(descriptor byte, fields ...byte) []byte {
	return append([]byte{0x28, 0xB5, 0x2F, 0xFD, descriptor}, fields...)
}

// Window returns the beginning of a frame with a window of 2^log bytes and no checksum.
func Window(log int) []byte { return Header(0, byte(log-10)<<3) }

// SingleSegment returns the beginning of a frame whose window is its whole content.
func SingleSegment(content uint64) []byte {
	return binary.LittleEndian.AppendUint64(Header(0xE0), content)
}

// The types of blocks.
const (
	BlockRaw = iota
	BlockRepeated
	BlockCompressed
	BlockReserved
)

// Block returns a zstd block: a header with the type and size, and the content as it is stored.
func Block(last bool, kind, size int, stored ...byte) []byte {
	h := uint32(size)<<3 | uint32(kind)<<1
	if last {
		h |= 1
	}
	return append([]byte{byte(h), byte(h >> 8), byte(h >> 16)}, stored...)
}

// Raw returns a frame of raw blocks after the given beginning.
func Raw(header, content []byte) []byte {
	const most = 128 << 10
	for len(content) > most {
		header = append(header, Block(false, BlockRaw, most, content[:most]...)...)
		content = content[most:]
	}
	return append(header, Block(true, BlockRaw, len(content), content...)...)
}

// Start is the time of the first label, in nanoseconds.
const Start int64 = 1_767_225_600_000_000_000

// Meta returns a meta.json.
func Meta(duration string) string {
	return fmt.Sprintf(`{"episode_id": "ep-1", "host_id": "lab-01", "profile": "cpu-saturate", "result": {"status": "accepted", "duration_observed_s": %s}}`+"\n", duration)
}

// Labels returns a labels.jsonl. Each label is "phase@seconds", or "phase", which is one second
// after the label before.
func Labels(labels ...string) string {
	var b strings.Builder
	at := 0.0
	for i, label := range labels {
		phase, time, ok := strings.Cut(label, "@")
		if ok {
			_, err := fmt.Sscan(time, &at)
			must(err)
		} else if i > 0 {
			at++
		}
		fmt.Fprintf(&b, `{"t_wall_ns": %d, "phase": %q}`+"\n", Start+int64(at*1e9), phase)
	}
	return b.String()
}

// Walk returns the labels of an episode with all phases, which lasts 45 s.
func Walk() string {
	return Labels("clean@0", "armed@10", "infecting@12", "infected_running@15", "clean@40")
}

// Rows returns n rows at 10 Hz. The function row returns the members of row i besides its time,
// e.g. `"cpu_user_jiffies": 7`.
func Rows(n int, row func(i int) string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"t_wall_ns": %d, %s}`+"\n", Start+50_000_000+int64(i)*100_000_000, row(i))
	}
	return b.String()
}

// ProcRows returns n rows of the source proc.
func ProcRows(n int) string {
	return Rows(n, func(i int) string {
		return fmt.Sprintf(`"pid": 28526, "state": "R", "cpu_user_jiffies": %d, "cpu_sys_jiffies": %d, "io_read_bytes": %d, `+
			`"io_write_bytes": %d, "io_rchar": %d, "io_wchar": %d, "minflt": %d, "majflt": %d, "ctxt_voluntary": %d, `+
			`"ctxt_involuntary": %d, "rss_bytes": %d, "vsize_bytes": 24584192, "num_threads": %d, "num_fds": %d`,
			9+i*i%7+7*i, 6+i, 4096*(i/3), 512*i, 1436581+i*i, 77*i, 2641+3*i, i/40, i+i%5, 19+i/2, 18608128+4096*(i%11), 1+i%2, 3+i%4)
	})
}

// HostRows returns n rows of the source host, which has only gauges.
func HostRows(n int) string {
	return Rows(n, func(i int) string {
		return fmt.Sprintf(`"cpu_user": %d, "cpu_system": %d, "cpu_idle": %d, "ctxt": %d, "procs_running": %d, "load": %d.%02d, `+
			`"mem_free_kb": %d, "mem_available_kb": %d, "dirty_kb": %d`,
			31139+9*i, 47317+8*i, 185961+i, 2791641+600*i, 1+i%6, i%3, i*7%100, 18790136-i*i, 23407656-3*i, 158180+i%17)
	})
}

// Episode returns the archive of an episode: the labels of [Walk], and n rows each of the sources
// proc and host, at 10 Hz.
func Episode(n int) Archive {
	return Archive{Members: []Member{
		{Name: "meta.json", Body: Meta("45.02")},
		{Name: "labels.jsonl", Body: Walk()},
		{Name: "telemetry-proc.jsonl", Body: ProcRows(n)},
		{Name: "telemetry-host.jsonl", Body: HostRows(n)},
	}}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

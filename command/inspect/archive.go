package inspect

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/cis490/profiles/episode"
)

// An Archive is what one archive holds.
type Archive struct {
	Host, Episode, Suffix string // of the file in its store
	Bytes                 int64
	Compression           string // zstd, gzip or none
	Members               []*Member
	MoreMembers           int // members that are left out, because there are too many
}

// maxMembers is how many members of an archive are described. Fields of further ones would need memory without end.
const maxMembers = 200

// Read reads an archive to its end. An error matches episode.ErrCorrupt or episode.ErrTooLarge, or is one of r, or the cause of
// the end of ctx. Of a member with more than limits.Rows rows only so many are looked at.
func Read(ctx context.Context, r io.Reader, limits episode.Limits) (*Archive, error) {
	limits = limits.OrDefault()
	counted := &counter{ctx: ctx, r: r}
	content := bufio.NewReaderSize(counted, 4<<10)
	start, _ := content.Peek(4) // a short file is corrupt, as episode.Members finds
	a := &Archive{Compression: compressionOf(string(start))}
	left := &room{archiveRoom}
	err := episode.Members(content, limits, func(e *episode.Member) error {
		if e.Kind == episode.OtherEntry {
			return nil
		}
		if len(a.Members) == maxMembers {
			a.MoreMembers++
			return nil
		}
		m := &Member{path: tail(e.Path, maxParts), Name: tail(e.Path, 1), Bytes: e.Size, room: left}
		if e.Kind != episode.RegularFile {
			m.Archives, m.Kind, m.Bytes, m.Note = 1, Other, 0, "it is a link to "+clip(e.Link)+", and links are not read"
		} else if err := m.read(&counter{ctx: ctx, r: e}, limits); err != nil {
			return err
		}
		a.add(m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.Bytes = counted.n
	return a, nil
}

// compressionOf returns the compression of a file that starts with these bytes.
func compressionOf(start string) string {
	switch {
	case strings.HasPrefix(start, "\x1f\x8b"):
		return "gzip"
	case start == "\x28\xb5\x2f\xfd", len(start) == 4 && start[1:] == "\x2a\x4d\x18" && start[0]&0xf0 == 0x50:
		return "zstd"
	}
	return "none"
}

// add adds a member. Of two with one path the last counts, as tar has it.
func (a *Archive) add(m *Member) {
	for i, o := range a.Members {
		if o.path == m.path {
			a.Members[i] = m
			return
		}
	}
	a.Members = append(a.Members, m)
}

// maxParts is how many parts of a member's path are looked at.
const maxParts = 16

// tail returns the last n parts of a path, without empty ones and dots.
func tail(path string, n int) string {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts[max(0, len(parts)-n):], "/")
}

// A counter reads from r until ctx ends, and counts the bytes. An archive needs one for each member too: a few bytes of it may be
// many rows.
type counter struct {
	ctx context.Context
	r   io.Reader
	n   int64
}

func (c *counter) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// String returns <host>/<episode><suffix>.
func (a *Archive) String() string { return fmt.Sprintf("%s/%s%s", a.Host, a.Episode, a.Suffix) }

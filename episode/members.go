package episode

import (
	"archive/tar"
	"io"
	"path"
	"strings"
)

// A Member is one entry of an archive.
type Member struct {
	// Path has no "." and no empty parts. It may have any other bytes, since archives are not
	// trusted.
	Path string
	Kind MemberKind
	Size int64  // bytes of content, as declared
	Link string // target of a link: of a hard link a path like Path; of a symbolic link any text

	tar *tarReader
}

// A MemberKind is what an entry of an archive is.
type MemberKind uint8

// The kinds of entries. Episodes are made of regular files only.
const (
	RegularFile MemberKind = iota
	HardLink
	SymbolicLink
	OtherEntry // a folder, a device or a pipe
)

// Read reads the content. Only regular files have one. It must not be called after the visit.
func (m *Member) Read(p []byte) (int, error) { return m.tar.Read(p) }

// Members calls visit for each entry of an archive, in their order. It reads the archive to its end,
// whatever visit reads of a member, and checks it in the same way as [Read]: the error matches
// [ErrCorrupt] or [ErrTooLarge], or is an error of r, wrapped, or says which limit is not valid. If
// visit returns an error, Members returns that error at once.
//
// Of two regular files with the same Path the last one counts. LineBytes, MemberBytes, Rows, Labels,
// Cells and Depth of the limits are not checked. As with Read, archives that take much memory wait
// for each other.
func Members(r io.Reader, lim Limits, visit func(*Member) error) error {
	if err := lim.Validate(); err != nil {
		return err
	}
	lim = lim.OrDefault()
	reader := readers.Get().(*Reader)
	defer readers.Put(reader)
	defer reader.Release()
	defer reader.endArchive()
	reader.budget = budget{most: lim.Cells, big: &reader.big}
	if err := reader.content.reset(r, lim, &reader.budget); err != nil {
		return err
	}
	entries := &reader.tar
	entries.reset(&reader.content, lim)
	for {
		switch err := entries.next(); err {
		case nil:
			member := entries.current
			if err := visit(&member); err != nil {
				return err
			}
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// memberOf returns the entry of a header.
func memberOf(header *tar.Header, t *tarReader) Member {
	m := Member{Path: cleanPath(header.Name), Kind: OtherEntry, Size: header.Size, tar: t}
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		if last := header.Name[strings.LastIndexByte(header.Name, '/')+1:]; last != "" && last != "." { // else it is a folder
			m.Kind = RegularFile
		}
	case tar.TypeLink:
		m.Kind, m.Link = HardLink, cleanPath(header.Linkname)
		if m.Link == m.Path { // tar writes this if it is told to store a file twice
			m.Kind = OtherEntry
		}
	case tar.TypeSymlink:
		m.Kind, m.Link = SymbolicLink, header.Linkname
	}
	return m
}

// name returns the last part of the path.
func (m *Member) name() string { return path.Base(m.Path) }

// cleanPath returns a path without its "." and empty parts.
func cleanPath(name string) string {
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}
	if padded := "/" + name + "/"; !strings.Contains(padded, "//") && !strings.Contains(padded, "/./") {
		return name
	}
	parts := make([]string, 0, strings.Count(name, "/")+1)
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

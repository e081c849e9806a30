package inspect

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cis490/profiles/episode"
)

// A Kind is how a member is written.
type Kind string

// The kinds of members.
const (
	JSONLines Kind = "jsonl" // one JSON object a line
	CSV       Kind = "csv"   // the first line names the columns
	Document  Kind = "json"  // one JSON object
	Other     Kind = "other" // nothing that is read
)

// A Member is one file of an archive, or the files of one name in several archives.
type Member struct {
	Name       string   `json:"name"` // the last part of its path, or as many parts as tell it from the others
	Kind       Kind     `json:"kind"`
	Archives   int      `json:"archives"` // that have it
	Bytes      int64    `json:"bytes"`
	Rows       int      `json:"rows,omitempty"`
	Fields     []*Field `json:"fields,omitempty"`      // in the order in which they come first
	MoreFields int      `json:"more_fields,omitempty"` // fields that are left out, because there are too many or their paths are too long
	BadRows    int      `json:"bad_rows,omitempty"`    // lines that are no row
	FirstRows  int      `json:"first_rows,omitempty"`  // only so many rows of an archive were looked at; 0: all
	Note       string   `json:"note,omitempty"`        // what is wrong with it

	most   int    // rows that are looked at
	path   string // in the archive; of several archives, in the first
	index  map[string]*Field
	room   *room        // of the archive
	values []fieldValue // of the row that is being read
	kept   []string     // JSON rows in which a string is another one than in the row before
}

const (
	maxPathBytes = 200 // of a field
	maxKept      = 200
	maxKeptBytes = 4 << 10 // of a row
	firstKept    = 32      // rows that are kept in any case
	maxDocument  = 1 << 20 // bytes of a JSON document
)

// room is how much memory the description of an archive may still take, so that a hostile one takes no more than others.
type room struct{ bytes int }

const (
	archiveRoom = 4 << 20
	fieldBytes  = 400 // of a field, without its words
)

// take takes memory, if there is as much. A nil room has no end.
func (r *room) take(bytes int) bool {
	if r == nil {
		return true
	}
	if r.bytes < bytes {
		return false
	}
	r.bytes -= bytes
	return true
}

// Field returns the field of a path, or nil if there is none.
func (m *Member) Field(path string) *Field { return m.index[path] }

// fieldOf returns the field of a path, and makes it if it is new. It returns nil if it is left out.
func (m *Member) fieldOf(path string) *Field {
	f := m.index[path]
	if f != nil {
		return f
	}
	if len(path) > maxPathBytes || !m.room.take(fieldBytes+2*len(path)) {
		m.MoreFields++
		return nil
	}
	f = &Field{Path: path, room: m.room}
	if m.index == nil {
		m.index = map[string]*Field{}
	}
	m.index[path] = f
	m.Fields = append(m.Fields, f)
	return f
}

// read reads a member to its end.
func (m *Member) read(r io.Reader, limits episode.Limits) error {
	m.Archives, m.Kind, m.most = 1, Other, limits.Rows
	l := newLines(r, limits.LineBytes)
	first, err := m.firstLine(l)
	if err == nil {
		err = m.readAs(first, l)
	}
	if err != nil && err != io.EOF {
		return err
	}
	m.values = nil
	for _, f := range m.Fields {
		f.end()
	}
	_, err = io.Copy(io.Discard, l.r)
	return err
}

// firstLine returns the first line that is not blank.
func (m *Member) firstLine(l *lines) (string, error) {
	for {
		line, err := l.next()
		switch {
		case err == io.EOF:
			m.Note = "it is empty"
			return "", err
		case errors.Is(err, errLongLine):
			m.Note = "its first line is too long"
			return "", io.EOF
		case err != nil:
			return "", err
		}
		if without, ok := strings.CutPrefix(line, "\ufeff"); ok {
			m.Note = "it begins with a byte order mark"
			line = without
		}
		if strings.Trim(line, " \t") != "" {
			return line, nil
		}
	}
}

// readAs finds the kind of a member by its first line, and reads its rows.
func (m *Member) readAs(first string, l *lines) error {
	switch text := strings.TrimLeft(first, " \t"); {
	case strings.HasPrefix(text, "["):
		m.Note = "it is one JSON array; rows must be JSON objects, one a line"
		return nil
	case !strings.HasPrefix(text, "{"):
		return m.readCSV(first, l)
	case errors.Is(walkObject(first, nil), errEndsEarly):
		return m.readDocument(first, l)
	}
	m.Kind = JSONLines
	return m.readJSON(first, l)
}

// readDocument reads a JSON object on several lines.
func (m *Member) readDocument(first string, l *lines) error {
	var text strings.Builder
	text.WriteString(first)
	for text.Len() <= maxDocument {
		line, err := l.next()
		if err == io.EOF {
			return m.setDocument(text.String())
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return err
		}
		text.WriteString("\n" + line)
	}
	m.Note = fmt.Sprintf("it is a JSON document of more than %d bytes", maxDocument)
	return nil
}

func (m *Member) setDocument(text string) error {
	if err := m.addJSON(text); err != nil {
		m.Note = "it is no JSON: " + err.Error()
		return nil
	}
	m.Kind = Document
	return nil
}

// readJSON reads JSON objects, one a line.
func (m *Member) readJSON(line string, l *lines) error {
	for {
		if err := m.addJSON(line); err != nil {
			m.bad(l.n, err)
		}
		var more bool
		var err error
		if line, more, err = m.nextRow(l); !more {
			if err == io.EOF && m.Rows == 1 && m.BadRows == 0 {
				m.Kind = Document
			}
			return err
		}
	}
}

// nextRow returns the next line that is not blank and not too long. There is none more at the end, with io.EOF, and behind as many
// rows as the limits let pass, without an error.
func (m *Member) nextRow(l *lines) (line string, more bool, err error) {
	for {
		line, err = l.next()
		long := errors.Is(err, errLongLine)
		switch {
		case err != nil && !long:
			return "", false, err
		case !long && strings.Trim(line, " \t") == "":
			continue
		case m.Rows+m.BadRows >= m.most:
			m.FirstRows = m.most
			return "", false, nil
		case !long:
			return line, true, nil
		}
		m.bad(l.n, err)
	}
}

// bad counts a line that is no row.
func (m *Member) bad(line int, err error) {
	if m.BadRows++; m.BadRows == 1 {
		m.Note = fmt.Sprintf("line %d is no row: %v", line, err)
	}
}

// addJSON adds a row. A row that is no JSON object is an error, and adds nothing.
func (m *Member) addJSON(row string) error {
	m.values = m.values[:0]
	err := walkObject(row, func(path []byte, v value) {
		f := m.index[string(path)]
		name := ""
		if f == nil {
			name = string(path)
		}
		m.values = append(m.values, fieldValue{f, name, v})
	})
	if err != nil {
		return err
	}
	m.Rows++
	keep := m.Rows <= firstKept
	for _, v := range m.values {
		if v.field == nil {
			v.field = m.fieldOf(v.path)
		}
		if v.field != nil && v.field.add(m.Rows, v.value) {
			keep = true
		}
	}
	if keep && len(m.kept) < maxKept && len(row) <= maxKeptBytes && m.room.take(len(row)) {
		m.kept = append(m.kept, row)
	}
	return nil
}

// A fieldValue is a value of the row that is being read.
type fieldValue struct {
	field *Field // nil if it is new
	path  string // of a new field
	value value
}

// readCSV reads lines of cells, if the first line names columns.
func (m *Member) readCSV(first string, l *lines) error {
	names, err := splitCSV(first, nil)
	if err != nil || len(names) < 2 || !areNames(names) {
		m.Note = "it is neither JSON lines nor CSV"
		if n := max(strings.Count(first, ";"), strings.Count(first, "\t")); n > 0 && len(names) < 2 {
			m.Note += ": cells must be separated by commas"
		}
		return nil
	}
	m.Kind = CSV
	for _, name := range names {
		m.fieldOf(name)
	}
	for {
		line, more, err := m.nextRow(l)
		if !more {
			return err
		}
		m.addCSV(names, line, l)
	}
}

// areNames reports whether cells may be the names of columns: none is empty, a number or there twice.
func areNames(cells []string) bool {
	seen := make(map[string]bool, len(cells)) // a line may have half a million cells
	for _, c := range cells {
		if c == "" || isJSONNumber(c) || seen[c] || strings.ContainsFunc(c, func(r rune) bool { return r < ' ' || r == '\ufffd' }) {
			return false
		}
		seen[c] = true
	}
	return true
}

func (m *Member) addCSV(names []string, line string, l *lines) {
	first, bytes := l.n, len(line)
	cells, err := splitCSV(line, func() (string, error) {
		more, err := l.next()
		bytes += len(more) + 1
		switch {
		case err == io.EOF:
			return "", errOpenQuote
		case err == nil && bytes > l.most:
			return "", errLongLine
		}
		return more, err
	})
	if err == nil && len(cells) != len(names) {
		err = fmt.Errorf("it has %d cells, the first line has %d", len(cells), len(names))
	}
	if err != nil {
		m.bad(first, err)
		return
	}
	m.Rows++
	for i, cell := range cells {
		f := m.fieldOf(names[i])
		if f == nil || cell == "" {
			continue
		}
		v := value{isWord, cell}
		if isJSONNumber(cell) {
			v.kind = isNumber
		}
		f.add(m.Rows, v)
	}
}

// merge adds the member of the same name in another archive.
func (m *Member) merge(o *Member) {
	m.Archives += o.Archives
	m.Bytes += o.Bytes
	m.Rows += o.Rows
	m.BadRows += o.BadRows
	m.MoreFields += o.MoreFields
	m.FirstRows = max(m.FirstRows, o.FirstRows)
	if m.Note == "" {
		m.Note = o.Note
	}
	if m.Kind != o.Kind {
		m.Kind = kindOfBoth(m.Kind, o.Kind)
	}
	for _, f := range o.Fields {
		if own := m.fieldOf(f.Path); own != nil {
			own.merge(f)
		}
	}
}

// kindOfBoth returns the kind of a member that is written in two ways. JSON lines of one row look like a document.
func kindOfBoth(a, b Kind) Kind {
	switch {
	case a == Other:
		return b
	case b == Other:
		return a
	case a == Document && b == JSONLines, a == JSONLines && b == Document:
		return JSONLines
	}
	return Other
}

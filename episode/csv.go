package episode

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
)

// csvRows reads rows of comma-separated values, as in RFC 4180: the first line that is not blank
// names the columns, each further one is a row. Blanks around a cell without quotes do not count.
type csvRows struct {
	lines  *lines
	row    *row
	wanted []csvCell // by column
	cells  int       // in each row
	fields string    // the names of the columns, for messages
	filled []int     // of each path: how many cells are not empty
	odd    []int     // of each path: how many of these are not numbers
	record csvRecord
}

// A csvCell is a wanted cell of a row.
type csvCell struct{ column, path int }

const mostOdd = 0.1 // the share of the filled cells of a column that may be no numbers without a warning

// reset reads the header.
func (c *csvRows) reset(l *lines, paths []string, into *row) error {
	c.lines, c.row, c.wanted, c.cells, c.fields = l, into, c.wanted[:0], 0, ""
	c.filled = append(c.filled[:0], make([]int, len(paths))...)
	c.odd = append(c.odd[:0], make([]int, len(paths))...)
	line, ok := l.next()
	if line = bytes.TrimPrefix(line, []byte("\ufeff")); isBlank(line) {
		line, ok = l.filled()
	}
	if !ok {
		return l.err
	}
	if _, err := c.record.read(l, line); err != nil {
		return err
	}
	return c.header(paths)
}

// header takes the names of the columns.
func (c *csvRows) header(paths []string) error {
	names := make([]string, c.record.len())
	for i := range names {
		names[i] = string(c.record.cell(i))
		for path, wanted := range paths {
			if names[i] == wanted {
				c.wanted = append(c.wanted, csvCell{i, path})
			}
		}
	}
	c.cells = len(names)
	c.fields = listFields(names, len(names))
	slices.Sort(names)
	for i, name := range names {
		switch {
		case name == "":
			return c.lines.corruptf("a column has no name")
		case i > 0 && name == names[i-1]:
			return c.lines.corruptf("two columns have the name %s", quote(name))
		}
	}
	return nil
}

// read reads the next row, and returns its text. At the end, ok is false.
func (c *csvRows) read() (text []byte, ok bool, err error) {
	line, ok := c.lines.row()
	if !ok {
		return nil, false, c.lines.err
	}
	if bytes.IndexByte(line, '"') >= 0 {
		text, err = c.readQuoted(line)
	} else {
		text, err = line, c.readPlain(line)
	}
	return text, err == nil, err
}

// readPlain reads a row without quotes.
func (c *csvRows) readPlain(line []byte) error {
	if !utf8.Valid(line) {
		return c.lines.corruptf("not UTF-8")
	}
	if n := bytes.Count(line, []byte{','}) + 1; n != c.cells {
		return c.wrongLen(n)
	}
	c.row.clear()
	rest, column := line, 0
	for _, w := range c.wanted {
		for ; column < w.column; column++ {
			rest = rest[bytes.IndexByte(rest, ',')+1:]
		}
		cell := rest
		if n := bytes.IndexByte(rest, ','); n >= 0 {
			cell = rest[:n]
		}
		c.parse(trimBlanks(cell), w.path)
	}
	return nil
}

// readQuoted reads a row that may have quotes, and further lines if a cell has more than one.
func (c *csvRows) readQuoted(line []byte) (text []byte, err error) {
	if text, err = c.record.read(c.lines, line); err != nil {
		return nil, err
	}
	if n := c.record.len(); n != c.cells {
		return nil, c.wrongLen(n)
	}
	c.row.clear()
	for _, w := range c.wanted {
		c.parse(c.record.cell(w.column), w.path)
	}
	return text, nil
}

func (c *csvRows) wrongLen(n int) error {
	return c.lines.corruptf("%d cells, but the first line names %d columns", n, c.cells)
}

// parse takes the cell of a path.
func (c *csvRows) parse(cell []byte, path int) {
	if len(cell) == 0 {
		return
	}
	c.row.parse(cell, path)
	c.filled[path]++
	if path > 0 && c.row.cells[path-1].kind == gap {
		c.odd[path]++
	}
}

// notNumbers returns a warning if too many cells of a column are not numbers.
func (c *csvRows) notNumbers(column int, name ChannelName) (Warning, bool) {
	filled, odd := c.filled[column+1], c.odd[column+1]
	if float64(odd) <= mostOdd*float64(filled) {
		return Warning{}, false
	}
	detail := fmt.Sprintf("%d of the %d filled cells of %s are not numbers", odd, filled, name)
	return Warning{Kind: WarnNotNumbers, Channel: name, Detail: detail}, true
}

// A csvRecord is a row split into cells, on one or more lines.
type csvRecord struct {
	raw    []byte // all lines of a row that has several
	text   []byte // the cells, without quotes
	ends   []int  // of each cell in text
	quoted bool   // a cell began with a quote that was not closed yet
}

const keptCells = 1 << 12 // the most cells that a record keeps room for

func (r *csvRecord) len() int { return len(r.ends) }

func (r *csvRecord) cell(i int) []byte {
	if i == 0 {
		return r.text[:r.ends[0]]
	}
	return r.text[r.ends[i-1]:r.ends[i]]
}

// read splits a line, and reads further ones while a quote is open. It returns the text of them all.
func (r *csvRecord) read(l *lines, line []byte) ([]byte, error) {
	if cap(r.ends) > keptCells || cap(r.text) > keptLine {
		*r = csvRecord{}
	}
	r.text, r.ends, r.raw, r.quoted = r.text[:0], r.ends[:0], r.raw[:0], false
	first := l.line
	raw := line
	for {
		if problem := r.split(line); problem != "" {
			return nil, l.corruptf("%s", problem)
		}
		if !r.quoted {
			return raw, nil
		}
		r.raw = append(append(r.raw, line...), '\n')
		r.text = append(r.text, '\n')
		next, ok := l.next()
		switch {
		case !ok && l.err != nil:
			return nil, l.err
		case !ok:
			return nil, corruptf("%s line %d: a quote is not closed", l.name(), first)
		case int64(len(r.raw)+len(next)) > l.lim.LineBytes:
			return nil, tooLargef("%s: the row that starts at line %d is over %d bytes", l.name(), first, l.lim.LineBytes)
		}
		line = next
		raw = append(r.raw, line...)
	}
}

// split adds the cells of a line. It returns what is wrong with the line, or "".
func (r *csvRecord) split(line []byte) (problem string) {
	if !utf8.Valid(line) {
		return "not UTF-8"
	}
	for at := 0; ; at++ { // past the comma
		var n int
		if !r.quoted && at < len(line) && line[at] == '"' {
			r.quoted = true
			at++
		}
		if r.quoted {
			n, problem = r.quotedCell(line[at:])
		} else {
			n, problem = r.plainCell(line[at:])
		}
		if problem != "" || r.quoted {
			return problem
		}
		r.ends = append(r.ends, len(r.text))
		if at += n; at == len(line) {
			return ""
		}
	}
}

// plainCell adds a cell without quotes. It returns its length.
func (r *csvRecord) plainCell(line []byte) (n int, problem string) {
	if n = bytes.IndexByte(line, ','); n < 0 {
		n = len(line)
	}
	if bytes.IndexByte(line[:n], '"') >= 0 {
		return 0, "a quote in a cell that does not start with one"
	}
	r.text = append(r.text, trimBlanks(line[:n])...)
	return n, ""
}

// quotedCell adds the rest of a cell behind its first quote. It returns the length of that. If the
// cell goes on in the next line, quoted stays true.
func (r *csvRecord) quotedCell(line []byte) (n int, problem string) {
	for {
		end := bytes.IndexByte(line[n:], '"')
		if end < 0 {
			r.text = append(r.text, line[n:]...)
			return len(line), ""
		}
		r.text = append(r.text, line[n:n+end]...)
		n += end + 1
		if n == len(line) || line[n] == ',' {
			r.quoted = false
			return n, ""
		}
		if line[n] != '"' {
			return 0, "more text behind the quotes of a cell"
		}
		r.text = append(r.text, '"')
		n++
	}
}

package episode

import (
	"bytes"
	"unicode/utf8"
)

// A rowTemplate is the text of one row around its values. Nearly all rows of a member have the same
// keys in the same order, so a row is first compared with the template of the row before: if the
// text around the values is the same, the row is JSON with the same keys, and only its values are
// read. Without templates, reading and aligning an archive takes twice the CPU time
// (BenchmarkCost).
type rowTemplate struct {
	row    []byte // copy of the row
	end    int    // where the last value of the row ends
	fields []templateField
}

// A templateField is one member of the row.
type templateField struct {
	before []byte // the text between the value before and this one, in row
	column int    // where the value goes, or -1 if it is not wanted
}

// mostFields is the most members of a row with a template: it bounds the memory that a template
// takes.
const mostFields = 256

// reset makes t the template of a row, to which the members must be added.
func (t *rowTemplate) reset(row []byte) {
	t.row = append(t.row[:0], row...)
	t.end, t.fields = 0, t.fields[:0]
}

// add adds the next member, whose value is row[from:to].
func (t *rowTemplate) add(from, to, column int) {
	if len(t.fields) <= mostFields {
		t.fields = append(t.fields, templateField{t.row[t.end:from], column})
	}
	t.end = to
}

// read reads the values of a row into cells, one for each column, if the row fits the template. If
// not, it returns false, and what it has written to cells is not to be used.
func (t *rowTemplate) read(row []byte, s *scanner, depth int, cells []number) bool {
	if len(t.fields) == 0 || len(t.fields) > mostFields {
		return false
	}
	rest := row
	for i := range t.fields {
		field := &t.fields[i]
		if !bytes.HasPrefix(rest, field.before) {
			return false
		}
		rest = rest[len(field.before):]
		n := countDigits(rest)
		switch {
		case !isPlainInteger(rest, n):
			at := len(row) - len(rest)
			s.resetToValue(row, at, depth)
			value := s.number()
			if n = s.at - at; s.err != nil || !utf8.Valid(rest[:n]) {
				return false
			}
			if field.column >= 0 {
				cells[field.column] = value
			}
		case field.column >= 0:
			cells[field.column] = number{parseDigits(rest[:n]), positive}
		}
		rest = rest[n:]
	}
	return bytes.Equal(rest, t.row[t.end:])
}

// isPlainInteger reports whether text starts with an integer of 1 to 19 digits, without a sign, and
// then a comma or a brace, as most values do. n is the number of digits at the start of text.
func isPlainInteger(text []byte, n int) bool {
	return 0 < n && n <= 19 && n < len(text) && (text[n] == ',' || text[n] == '}') && (text[0] != '0' || n == 1)
}

// parseDigits returns the integer of at most 19 digits.
func parseDigits(digits []byte) (n uint64) {
	for _, c := range digits {
		n = n*10 + uint64(c-'0')
	}
	return n
}

package inspect

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// lines reads the lines of a member.
type lines struct {
	r    *bufio.Reader
	most int // bytes of a line
	n    int // lines so far
}

func newLines(r io.Reader, most int64) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10), most: int(most)}
}

// errLongLine is about a line that was left out.
var errLongLine = errors.New("it is too long")

// next returns the next line without its end. At the end it returns io.EOF. After errLongLine reading may go on.
func (l *lines) next() (string, error) {
	var long []byte
	for {
		part, err := l.r.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull && len(long) <= l.most:
			long = append(long, part...)
			continue
		case err == bufio.ErrBufferFull: // go on to the end of the line
			continue
		case err != nil && err != io.EOF:
			return "", err
		case err == io.EOF && len(part) == 0 && len(long) == 0:
			return "", io.EOF
		}
		l.n++
		if len(long)+len(part) > l.most+2 {
			return "", errLongLine
		}
		text := string(part)
		if len(long) > 0 {
			text = string(append(long, part...))
		}
		return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), nil
	}
}

// splitCSV returns the cells of a row of CSV (RFC 4180), without the blanks around cells that are not quoted. If a quoted cell does
// not end in the line, next returns the next line; with no next it is an error.
func splitCSV(line string, next func() (string, error)) ([]string, error) {
	var cells []string
	for {
		cell, rest, more, err := cutCell(line, next)
		if err != nil {
			return nil, err
		}
		cells = append(cells, cell)
		if !more {
			return cells, nil
		}
		line = rest
	}
}

// errOpenQuote is about a row that ends in a quoted cell.
var errOpenQuote = errors.New("a quoted cell does not end")

// cutCell returns the first cell of a line, and what is behind its comma.
func cutCell(line string, next func() (string, error)) (cell, rest string, more bool, err error) {
	if !strings.HasPrefix(line, `"`) {
		cell, rest, more = strings.Cut(line, ",")
		return strings.Trim(cell, " \t"), rest, more, nil
	}
	var b strings.Builder
	line = line[1:]
	for {
		text, behind, closed := strings.Cut(line, `"`)
		b.WriteString(text)
		switch {
		case !closed && next == nil:
			return "", "", false, errOpenQuote
		case !closed:
			if line, err = next(); err != nil {
				return "", "", false, err
			}
			b.WriteByte('\n')
		case strings.HasPrefix(behind, `"`): // a quote in the cell
			b.WriteByte('"')
			line = behind[1:]
		case behind == "":
			return b.String(), "", false, nil
		case behind[0] == ',':
			return b.String(), behind[1:], true, nil
		default:
			return "", "", false, errors.New("there is more behind the quotes of a cell")
		}
	}
}

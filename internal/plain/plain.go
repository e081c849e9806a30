// Package plain makes text safe to show. Names and messages come from archives, lists and other programs; they may
// hold the control sequences of a terminal, line ends, or characters that change the order of what is read.
//
// [Line] is for one value within a text, [Writer] for everything that a program writes to a terminal: it is the last
// one to look, so no caller can forget it. Log lines need neither: package log/slog quotes their values.
package plain

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line returns text as one line: each character that a terminal would not print as it is becomes an escape as in
// Go, such as \n or \x1b. Bytes that are no UTF-8 become U+FFFD.
func Line(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// Cut is [Line] of at most the given number of bytes, with "..." where something was left out.
func Cut(text string, most int) string {
	if len(text) <= most {
		return Line(text)
	}
	return Line(text[:start(text, most)]) + "..."
}

// start returns where the character at an index of text begins.
func start(text string, i int) int {
	for i > 0 && !utf8.RuneStart(text[i]) {
		i--
	}
	return i
}

// mostName is the most bytes that [Name] shows.
const mostName = 64

// Name returns a name for a sentence or a list: as it is if it is one word, else in quotes as in Go. After 64 bytes it
// is cut, with "…".
func Name(text string) string {
	ending := ""
	if len(text) > mostName {
		text, ending = text[:start(text, mostName)], "…"
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(" ,;()\uFFFD", r) }) {
		text = strconv.Quote(text)
	}
	return text + ending
}

// A Writer writes text to another writer. It keeps line ends, tabs and all characters that are printed, and writes an
// escape for any other, such as \u001b. The escapes are those of JSON, so JSON keeps its meaning. It is safe for
// concurrent use.
type Writer struct {
	to   io.Writer
	mu   sync.Mutex
	rest []byte // the start of a character whose other bytes have not come yet
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Unwrap returns what w writes to.
func (w *Writer) Unwrap() io.Writer { return w.to }

// Write implements io.Writer. If it fails, it is not known how much of text was written.
func (w *Writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := text
	if len(w.rest) > 0 {
		all = append(w.rest, text...)
		w.rest = nil
	}
	plain := make([]byte, 0, len(all))
	for len(all) > 0 {
		if !utf8.FullRune(all) {
			w.rest = append([]byte(nil), all...)
			break
		}
		r, size := utf8.DecodeRune(all)
		all = all[size:]
		plain = appendPlain(plain, r)
	}
	if _, err := w.to.Write(plain); err != nil {
		return 0, err
	}
	return len(text), nil
}

func appendPlain(to []byte, r rune) []byte {
	if r == '\n' || r == '\t' || unicode.IsPrint(r) {
		return utf8.AppendRune(to, r)
	}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(to, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(to, `\u%04x`, r)
}

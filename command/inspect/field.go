package inspect

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// A Field is one value of the rows of a member, over all archives that were added.
type Field struct {
	Path     string `json:"path"`     // keys joined by dots, or the name of a column
	Archives int    `json:"archives"` // that have it
	Rows     int    `json:"rows"`     // that have it, and not null

	Numbers int `json:"numbers"`                  // rows in which it is a number
	Quoted  int `json:"number_strings,omitempty"` // rows in which it is a string that is a number
	Dates   int `json:"dates,omitempty"`          // rows in which it is a string as in RFC 3339
	Strings int `json:"strings,omitempty"`        // rows in which it is another string
	Others  int `json:"others,omitempty"`         // rows in which it is something else: true, an array, NaN

	// Of numbers, strings that are numbers, and dates (as nanoseconds since 1970), from row to row in one archive:
	Least    *float64 `json:"least,omitempty"`
	Greatest *float64 `json:"greatest,omitempty"`
	Rises    int      `json:"rises"`
	Falls    int      `json:"falls"`
	Repeats  int      `json:"repeats"` // it stays as it is
	Span     float64  `json:"span"`    // the greatest difference of least and greatest in one archive

	Fraction bool `json:"fraction,omitempty"` // at least one number is no integer
	Grown    int  `json:"grown"`              // archives in which it never falls, and grows in several steps
	Fallen   int  `json:"fallen"`             // archives in which it falls

	Words     []string `json:"words,omitempty"` // the first different strings that are no numbers and no dates, in their order
	ManyWords bool     `json:"many_words,omitempty"`

	last    float64 // the number in the row before
	hasLast bool
	word    string // the string in the row before
	row     int    // the last row that has it
	room    *room  // of the archive
}

const (
	maxWords     = 32 // different strings that are kept
	maxWordBytes = 64
	// leastSteps is in how many steps a field must grow to look like a counter.
	leastSteps = 3
)

// add adds the value of a row. It reports whether it is another word than in the row before, of a field with few words.
func (f *Field) add(row int, v value) (otherWord bool) {
	if f.row == row {
		return false // the key is there twice
	}
	f.row = row
	f.Rows++
	number, kind := numberOf(v)
	switch kind {
	case numeric:
		f.Numbers++
	case quoted:
		f.Quoted++
	case date:
		f.Dates++
	case word:
		f.Strings++
		return f.addWord(v.text)
	case other:
		f.Others++
		return false
	}
	if math.Trunc(number) != number && kind != date {
		f.Fraction = true
	}
	f.addNumber(number)
	return kind == date && f.Strings+f.Dates <= maxWords
}

type kind uint8

const (
	numeric kind = iota
	quoted
	date
	word
	other
)

// numberOf returns the number that a value is, and of which kind the value is.
func numberOf(v value) (float64, kind) {
	if v.kind == isOther {
		return 0, other
	}
	if v.kind == isNumber || isJSONNumber(v.text) {
		n, _ := strconv.ParseFloat(v.text, 64) // infinite if it is out of range
		switch {
		case math.IsInf(n, 0):
			return 0, other
		case v.kind == isNumber:
			return n, numeric
		}
		return n, quoted
	}
	if t, ok := dateOf(v.text); ok {
		return float64(t.UnixNano()), date
	}
	return 0, word
}

// dateOf parses a time as in RFC 3339.
func dateOf(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02T15:04:05Z") || len(text) > 40 || text[4] != '-' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil && t.Year() > 1700 && t.Year() < 2200 // as nanoseconds in 64 bits
}

func (f *Field) addNumber(n float64) {
	if f.Least == nil {
		least, greatest := n, n
		f.Least, f.Greatest = &least, &greatest
	}
	*f.Least, *f.Greatest = min(*f.Least, n), max(*f.Greatest, n)
	switch {
	case !f.hasLast:
	case n > f.last:
		f.Rises++
	case n < f.last:
		f.Falls++
	default:
		f.Repeats++
	}
	f.last, f.hasLast = n, true
}

func (f *Field) addWord(text string) bool {
	if len(text) > maxWordBytes {
		text = text[:maxWordBytes]
	}
	other := f.Strings == 1 || text != f.word
	f.word = text
	f.keepWord(text)
	return other && !f.ManyWords
}

func (f *Field) keepWord(text string) {
	switch {
	case f.ManyWords || slices.Contains(f.Words, text):
	case len(f.Words) == maxWords || !f.room.take(len(text)):
		f.ManyWords = true
	default:
		f.Words = append(f.Words, text)
	}
}

// end ends an archive.
func (f *Field) end() {
	f.Archives = 1
	if f.Least != nil {
		f.Span = *f.Greatest - *f.Least
	}
	if f.Falls > 0 {
		f.Fallen = 1
	} else if f.Rises >= leastSteps {
		f.Grown = 1
	}
	f.word, f.row, f.hasLast = "", 0, false
}

// merge adds the same field of another archive.
func (f *Field) merge(g *Field) {
	f.Archives += g.Archives
	f.Rows += g.Rows
	f.Numbers += g.Numbers
	f.Quoted += g.Quoted
	f.Dates += g.Dates
	f.Strings += g.Strings
	f.Others += g.Others
	f.Rises += g.Rises
	f.Falls += g.Falls
	f.Repeats += g.Repeats
	f.Fraction = f.Fraction || g.Fraction
	f.Grown += g.Grown
	f.Fallen += g.Fallen
	f.Span = max(f.Span, g.Span)
	switch {
	case g.Least == nil:
	case f.Least == nil:
		least, greatest := *g.Least, *g.Greatest
		f.Least, f.Greatest = &least, &greatest
	default:
		*f.Least, *f.Greatest = min(*f.Least, *g.Least), max(*f.Greatest, *g.Greatest)
	}
	for _, w := range g.Words {
		f.keepWord(w)
	}
	f.ManyWords = f.ManyWords || g.ManyWords
}

// IsNumber reports whether most of the field's values are numbers, or strings that are numbers. The
// others may be words for a missing one, such as "n/a", or null.
func (f *Field) IsNumber() bool { return 2*(f.Numbers+f.Quoted) > f.Rows }

// IsDate reports whether most of the field's values are times as in RFC 3339.
func (f *Field) IsDate() bool { return 10*f.Dates > 9*f.Rows }

// LooksLikeCounter reports whether the field never falls, and grows in several steps: in most archives, and in the others it
// falls in at most a twentieth of its steps, as a counter does whose process starts again.
func (f *Field) LooksLikeCounter() bool {
	if !f.IsNumber() || *f.Least < 0 {
		return false
	}
	steps := f.Rises + f.Falls + f.Repeats
	return f.Grown > 2*f.Fallen && 20*f.Falls <= steps
}

// Constant reports whether the field is a number that has one value in all rows of all archives.
func (f *Field) Constant() bool { return f.IsNumber() && *f.Least == *f.Greatest }

package fit

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Curve is one episode on the grid: a value for each point, NaN for a gap. In JSON it is a list of numbers, each with the fewest
// digits that give the same float64, and null for a gap. Curves are never changed once made, so they may be shared.
type Curve []float64

// maxMagnitude bounds the values of a curve that [Entry.Validate] accepts. Samples are at most 1e30, so the curves of [Align] are
// far below, and nothing that is computed from accepted values can overflow.
const maxMagnitude = 1e60

// MarshalJSON writes the list. An infinity is an error, since JSON has none.
func (c Curve) MarshalJSON() ([]byte, error) {
	for i, v := range c {
		if math.IsInf(v, 0) {
			return nil, fmt.Errorf("write curve: point %d is infinite", i)
		}
	}
	return c.appendJSON(nil), nil
}

func (c Curve) appendJSON(to []byte) []byte {
	to = append(to, '[')
	for i, v := range c {
		if i > 0 {
			to = append(to, ',')
		}
		if math.IsNaN(v) {
			to = append(to, "null"...)
		} else {
			to = strconv.AppendFloat(to, v, 'g', -1, 64)
		}
	}
	return append(to, ']')
}

var errCurveSyntax = errors.New("read curve: not a list of numbers and nulls")

// UnmarshalJSON reads a list of any length. A number beyond float64 is an error. null leaves the curve as it is.
func (c *Curve) UnmarshalJSON(text []byte) error {
	text = bytes.TrimSpace(text)
	if string(text) == "null" {
		return nil
	}
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return errCurveSyntax
	}
	curve, err := parsePoints(text[1 : len(text)-1])
	if err != nil {
		return err
	}
	*c = curve
	return nil
}

const jsonSpace = " \t\r\n"

// parsePoints reads the text between the brackets of a list of numbers and nulls.
func parsePoints(list []byte) (Curve, error) {
	if len(bytes.Trim(list, jsonSpace)) == 0 {
		return Curve{}, nil
	}
	comma := []byte{','}
	curve := make(Curve, 0, bytes.Count(list, comma)+1)
	for item := range bytes.SplitSeq(list, comma) {
		value, err := parsePoint(bytes.Trim(item, jsonSpace))
		if err != nil {
			return nil, err
		}
		curve = append(curve, value)
	}
	return curve, nil
}

// parsePoint reads a JSON number or null.
func parsePoint(item []byte) (float64, error) {
	if string(item) == "null" {
		return math.NaN(), nil
	}
	if !isNumber(item) { // ParseFloat would also take 01, 1., hex, inf and underscores
		return 0, errCurveSyntax
	}
	value, err := strconv.ParseFloat(string(item), 64)
	if err != nil {
		return 0, fmt.Errorf("read curve: %w", err)
	}
	return value, nil
}

// isNumber reports whether the text is a number of JSON (RFC 8259, section 6).
func isNumber(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("-"))
	whole := digits(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return false
	}
	text = text[whole:]
	if len(text) > 0 && text[0] == '.' {
		fraction := digits(text[1:])
		if fraction == 0 {
			return false
		}
		text = text[1+fraction:]
	}
	if len(text) > 0 && (text[0] == 'e' || text[0] == 'E') {
		text = text[1:]
		if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
			text = text[1:]
		}
		return len(text) > 0 && digits(text) == len(text)
	}
	return len(text) == 0
}

// digits counts the decimal digits at the start of a text.
func digits(text []byte) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

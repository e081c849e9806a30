package fit

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Curve is one episode on the grid: a value for each point, NaN for a gap. In JSON it is a list of numbers, each in the shortest form
// that reads back as the same float64, with null for a gap. Curves are never changed once made, so they may be shared.
type Curve []float64

// maxMagnitude bounds the values of a curve that [Entry.Validate] accepts. Samples are at most 1e30, so what [Align]
// makes of them lies far below, and nothing that is computed from accepted values can overflow.
const maxMagnitude = 1e60

// MarshalJSON writes the list. Infinities, which JSON has no form for, are an error.
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

// UnmarshalJSON reads the list, of any length. A number that no float64 can hold is an error; null leaves the curve as it is.
func (c *Curve) UnmarshalJSON(text []byte) error {
	text = bytes.TrimSpace(text)
	if string(text) == "null" {
		return nil
	}
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return errCurveSyntax
	}
	text = bytes.TrimSpace(text[1 : len(text)-1])
	if len(text) == 0 {
		*c = Curve{}
		return nil
	}
	comma := []byte{','}
	curve := make(Curve, 0, bytes.Count(text, comma)+1)
	for item := range bytes.SplitSeq(text, comma) {
		value, err := parsePoint(bytes.TrimSpace(item))
		if err != nil {
			return err
		}
		curve = append(curve, value)
	}
	*c = curve
	return nil
}

// parsePoint reads a JSON number or null. It does not check all of the number's grammar, which encoding/json has done before.
func parsePoint(item []byte) (float64, error) {
	if string(item) == "null" {
		return math.NaN(), nil
	}
	for _, c := range item { // ParseFloat would also take hex, inf and underscores
		if !('0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E') {
			return 0, errCurveSyntax
		}
	}
	value, err := strconv.ParseFloat(string(item), 64)
	if err != nil {
		return 0, fmt.Errorf("read curve: %w", err)
	}
	return value, nil
}

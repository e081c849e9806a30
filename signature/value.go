package signature

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/cis490/profiles/fit"
)

// Value is a number that may be a gap. In JSON it is the shortest decimal of its float32, or null.
type Value float64

// Row is a list of numbers, NaN for a gap. In JSON each is written as a [Value].
type Row []float64

// Gap returns the value of a gap, NaN.
func Gap() Value { return Value(math.NaN()) }

// IsGap reports whether v is a gap.
func (v Value) IsGap() bool { return math.IsNaN(float64(v)) }

func appendValue(to []byte, v float64) []byte {
	if math.IsNaN(v) {
		return append(to, "null"...)
	}
	return strconv.AppendFloat(to, float64(fit.Float32(v)), 'g', -1, 32)
}

// MarshalJSON writes a number or null.
func (v Value) MarshalJSON() ([]byte, error) { return appendValue(nil, float64(v)), nil }

// UnmarshalJSON reads a number or null.
func (v *Value) UnmarshalJSON(text []byte) error {
	var read *float64
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("read a value: %w", err)
	}
	*v = Gap()
	if read != nil {
		*v = Value(*read)
	}
	return nil
}

// MarshalJSON writes a list of numbers and nulls, also for a nil row.
func (r Row) MarshalJSON() ([]byte, error) {
	text := make([]byte, 1, 2+10*len(r))
	text[0] = '['
	for i, v := range r {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendValue(text, v)
	}
	return append(text, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Row) UnmarshalJSON(text []byte) error {
	var read []Value
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("read a row: %w", err)
	}
	*r = make(Row, len(read))
	for i, v := range read {
		(*r)[i] = float64(v)
	}
	return nil
}

package episode

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// The oracle implements the rules of the format again, slowly, with encoding/json and math/big.

// An oracleNumber has one of the two fields, or neither if it is a gap.
type oracleNumber struct {
	integer *big.Int
	float   *float64
}

func oracleNumberOf(v any) oracleNumber {
	text, ok := v.(json.Number)
	if !ok {
		return oracleNumber{}
	}
	if !strings.ContainsAny(string(text), ".eE") {
		n, _ := new(big.Int).SetString(string(text), 10)
		if n.Cmp(new(big.Int).Lsh(big.NewInt(-1), 63)) >= 0 && n.Cmp(new(big.Int).Lsh(big.NewInt(1), 64)) < 0 {
			return oracleNumber{integer: n}
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64)
	return oracleNumber{float: &f}
}

func bigFloat64(n *big.Int) float64 {
	f, _ := new(big.Float).SetInt(n).Float64() // SetInt is exact, Float64 rounds once, to even
	return f
}

func (n oracleNumber) value() float64 {
	switch {
	case n.integer != nil:
		return bigFloat64(n.integer)
	case n.float != nil:
		return *n.float
	}
	return math.NaN()
}

func (n oracleNumber) isValue() bool { return math.Abs(n.value()) <= 1e30 }

func (n oracleNumber) minus(m oracleNumber) float64 {
	if n.integer != nil && m.integer != nil {
		return bigFloat64(new(big.Int).Sub(n.integer, m.integer))
	}
	return n.value() - m.value()
}

func (n oracleNumber) less(m oracleNumber) bool {
	if n.integer != nil && m.integer != nil {
		return n.integer.Cmp(m.integer) < 0
	}
	return n.value() < m.value()
}

// oracleRows returns the rows of a member, or false if one is not a JSON object.
func oracleRows(member []byte) ([]map[string]any, bool) {
	var rows []map[string]any
	for line := range bytes.SplitSeq(member, []byte("\n")) {
		if strings.Trim(string(line), " \t\r") == "" {
			continue
		}
		row, ok := oracleObject(line)
		if !ok {
			return nil, false
		}
		rows = append(rows, row)
	}
	return rows, true
}

func oracleObject(text []byte) (map[string]any, bool) {
	if !json.Valid(text) { // a decoder would ignore what follows the object
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	row, ok := v.(map[string]any)
	return row, ok
}

// oracleChannel returns the channel of a field, and how many rows are selected.
func oracleChannel(name ChannelName, zero oracleNumber, rows []map[string]any) (c Channel, kept int) {
	var times []float64
	var cells []oracleNumber
	for _, row := range rows {
		at := oracleNumberOf(row["t_wall_ns"])
		if at.integer == nil && at.float == nil {
			continue
		}
		time := at.minus(zero) / 1e9
		if math.IsNaN(time) || math.IsInf(time, 0) || len(times) > 0 && time <= times[len(times)-1] {
			continue
		}
		times = append(times, time)
		cells = append(cells, oracleNumberOf(row[name.Field]))
	}
	c = Channel{Name: name, Counter: name.IsCounter()}
	exact := true
	for _, n := range cells {
		exact = exact && (!n.isValue() || n.integer != nil)
	}
	sum, floatSum := new(big.Int), 0.0
	before := -1
	for i, n := range cells {
		value := math.NaN()
		if n.isValue() && !c.Counter {
			value = n.value()
		}
		if n.isValue() && c.Counter {
			if before >= 0 {
				from := cells[before]
				if n.less(from) {
					from = oracleNumber{integer: new(big.Int)}
					c.Resets++
				}
				value = n.minus(from) / (times[i] - times[before])
				if math.Abs(value) > 1e30 {
					value = math.NaN()
				}
				if exact {
					sum.Add(sum, new(big.Int).Sub(n.integer, from.integer))
					floatSum = bigFloat64(sum)
				} else {
					floatSum += n.minus(from)
				}
			}
			before = i
			c.CountTimes = append(c.CountTimes, times[i])
			c.Counts = append(c.Counts, floatSum)
		}
		if i > 0 || !c.Counter {
			c.Times = append(c.Times, times[i])
			c.Values = append(c.Values, value)
			if math.IsNaN(value) {
				c.Gaps++
			}
		}
	}
	return c, len(times)
}

// sameFloats reports whether two slices are equal bit for bit, where all NaNs are equal.
func sameFloats(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
			return false
		}
	}
	return true
}

func sameChannel(a, b Channel) bool {
	return a.Name == b.Name && a.Counter == b.Counter && a.Resets == b.Resets && a.Gaps == b.Gaps &&
		sameFloats(a.Times, b.Times) && sameFloats(a.Values, b.Values) &&
		sameFloats(a.CountTimes, b.CountTimes) && sameFloats(a.Counts, b.Counts)
}

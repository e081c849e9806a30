package episode

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"slices"
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
	if word, isText := v.(string); isText && isNumber.MatchString(word) {
		text, ok = json.Number(word), true
	}
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

var isNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

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

func (n oracleNumber) isNumber() bool { return n.integer != nil || n.float != nil }

// exactly returns the exact value of a finite number.
func (n oracleNumber) exactly() *big.Rat {
	if n.integer != nil {
		return new(big.Rat).SetInt(n.integer)
	}
	return new(big.Rat).SetFloat64(*n.float)
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

// An oracleRow is a row of a telemetry member.
type oracleRow struct {
	text   string // without the white space around it
	values map[string]any
}

// oracleRows returns the rows of a member, or false if one is not a JSON object.
func oracleRows(member []byte) ([]oracleRow, bool) {
	var rows []oracleRow
	for line := range bytes.SplitSeq(member, []byte("\n")) {
		text := strings.Trim(string(line), " \t\r")
		if text == "" {
			continue
		}
		values, ok := oracleObject(line)
		if !ok {
			return nil, false
		}
		rows = append(rows, oracleRow{text, values})
	}
	return rows, true
}

func oracleObject(text []byte) (map[string]any, bool) {
	text = notFinite.ReplaceAllFunc(text, func(token []byte) []byte {
		if token[0] == '"' {
			return token
		}
		return []byte("null")
	})
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

// notFinite matches strings, and outside of them the values that encoding/json does not know.
var notFinite = regexp.MustCompile(`"(?:\\(?s:.)|[^"\\])*"?|NaN|-?Infinity`)

// An oracleSelection is the rows that count.
type oracleSelection struct {
	rows    []oracleRow
	times   []float64
	astray  []bool // before each row
	timed   int    // rows with a time
	untimed int
	dropped int // rows with a time that are neither selected nor repeats
}

// oracleSelect selects rows. The length of row i is that of the longest increasing sequence of rows
// that ends with it.
func oracleSelect(all []oracleRow, zero oracleNumber, span float64) oracleSelection {
	var s oracleSelection
	var timed []oracleRow
	var exact []*big.Rat
	var numbers []oracleNumber
	for _, row := range all {
		at := oracleNumberOf(row.values["t_wall_ns"])
		if !at.isNumber() || math.IsInf(at.value(), 0) {
			s.untimed++
			continue
		}
		timed, exact, numbers = append(timed, row), append(exact, at.exactly()), append(numbers, at)
	}
	s.timed = len(timed)
	times := oracleRanks(exact)
	length := make([]int, len(timed)) // 0 for a row that has the time of the top of its pile
	lastOf := func(n, before int) int {
		for i := before - 1; i >= 0; i-- {
			if length[i] == n {
				return i
			}
		}
		return -1
	}
	longest := 0
	for i := range timed {
		n := 1
		for j := range i {
			if length[j] >= n && times[j] < times[i] {
				n = length[j] + 1
			}
		}
		if top := lastOf(n, i); top < 0 || times[top] != times[i] {
			length[i] = n
		}
		longest = max(longest, length[i])
	}
	var chain []int
	for n, before := longest, len(timed); n > 0; n-- {
		before = lastOf(n, before)
		chain = append([]int{before}, chain...)
	}
	second := func(i int) float64 { return numbers[i].minus(zero) / 1e9 }
	var kept []int
	for _, i := range chain {
		if len(kept) == 0 || second(i) > second(kept[len(kept)-1]) {
			kept = append(kept, i)
		}
	}
	for again := true; again; {
		again = false
		for i := 1; i < len(kept) && !again; i++ {
			if second(kept[i])-second(kept[i-1]) > span {
				again = true
				if before, after := kept[:i], kept[i:]; len(before) < len(after) {
					kept = after
				} else {
					kept = before
				}
			}
		}
	}
	for k, i := range kept {
		s.rows, s.times = append(s.rows, timed[i]), append(s.times, second(i))
		astray := false
		for d := 0; k > 0 && d < i; d++ {
			before := kept[k-1]
			if d > before && times[d] != times[before] && times[d] != times[i] && !oracleRepeat(d, kept, timed, times) {
				astray = true
			}
		}
		s.astray = append(s.astray, astray)
	}
	for d := range timed {
		if slices.Contains(kept, d) || oracleRepeat(d, kept, timed, times) {
			continue
		}
		s.dropped++
		for k, i := range kept { // the first kept row behind it
			if i > d {
				if k+1 < len(kept) && times[i] < times[d] && times[d] < times[kept[k+1]] {
					s.astray[k+1] = true
				}
				break
			}
		}
	}
	return s
}

// oracleRanks returns for each number how many different ones are less. Comparing ranks is much
// faster than comparing the numbers.
func oracleRanks(numbers []*big.Rat) []int {
	sorted := slices.SortedFunc(slices.Values(numbers), (*big.Rat).Cmp)
	sorted = slices.CompactFunc(sorted, func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })
	ranks := make([]int, len(numbers))
	for i, n := range numbers {
		ranks[i], _ = slices.BinarySearchFunc(sorted, n, (*big.Rat).Cmp)
	}
	return ranks
}

// oracleRepeat reports whether row d is a repeat of a kept row.
func oracleRepeat(d int, kept []int, timed []oracleRow, times []int) bool {
	return slices.ContainsFunc(kept, func(k int) bool { return k != d && timed[k].text == timed[d].text && times[k] == times[d] })
}

// An oracleSample is a sample of a counter.
type oracleSample struct {
	oracleNumber
	row    int
	time   float64
	astray bool // within the step to it

	returns     int // of a fall: index of its return, or -1
	isReturn    bool
	isPeak      bool
	isLeftOut   bool
	isRestart   bool
	isUnknown   bool
	isFirstZero bool
}

// oracleCounter decides which samples count. The counts are those of restarts, dips, peaks and
// events.
func oracleCounter(s []oracleSample) (restarts, dips, peaks, events int) {
	if len(s) < 2 {
		return 0, 0, 0, 0
	}
	fell := func(i int) bool { return i > 0 && s[i].less(s[i-1].oracleNumber) }
	rise := func(i int) float64 { return s[i].minus(s[i-1].oracleNumber) }
	var steps []float64
	for i := 1; i < len(s); i++ {
		steps = append(steps, s[i].time-s[i-1].time)
	}
	slices.Sort(steps)
	middle := steps[len(steps)/2]
	rate := func(by float64, i int) float64 { return by / math.Max(s[i].time-s[i-1].time, middle) }
	for i := range s {
		s[i].returns = -1
		s[i].isFirstZero = i == 0 && s[i].value() == 0
		s[i].isPeak = i > 0 && i+1 < len(s) && fell(i+1) && !s[i+1].less(s[i-1].oracleNumber)
	}
	for i := range s {
		for j := i + 1; fell(i) && j < len(s); j++ {
			if s[j].less(s[i-1].oracleNumber) {
				continue
			}
			if rise(j) > s[i-1].minus(s[i].oracleNumber)/2 {
				s[i].returns, s[j].isReturn = j, true
			}
			break
		}
	}
	var rates []float64
	for i := 1; i < len(s); i++ {
		if !fell(i) && !s[i].isReturn && !s[i].isPeak && !s[i-1].isFirstZero && !s[i].astray {
			rates = append(rates, rate(rise(i), i))
		}
	}
	slices.Sort(rates)
	hasFastest := len(rates) > 0
	fastest := math.Inf(1)
	if n := len(rates); n > 0 {
		if fastest = rates[n-1]; n > 1 && fastest > 10*rates[n-2] {
			fastest = rates[n-2]
		}
	}
	for i := 0; i < len(s); i++ {
		end := i + 1 // of what is left out from i on
		switch {
		case s[i].isFirstZero && rate(rise(1), 1) > fastest, s[i].isPeak && !s[i-1].isLeftOut && rate(rise(i), i) > fastest:
			peaks++
		case fell(i) && !s[i-1].isLeftOut:
			back := s[i].returns
			switch {
			case hasFastest && !(rate(s[i].value(), i) > fastest) && !(back > 0 && rate(rise(back), back) > fastest):
				s[i].isRestart = true
				if s[i].astray {
					s[i].isUnknown = true
				} else {
					restarts++
					events++
				}
				continue
			case back < 0:
				s[i].isUnknown = true
				if !s[i].astray {
					events++
				}
				continue
			}
			dips++
			end = back
		default:
			s[i].isUnknown = s[i].astray
			continue
		}
		astray := s[end].astray
		for ; i < end; i++ {
			s[i].isLeftOut = true
			astray = astray || s[i].astray
		}
		if !astray {
			events++
		}
		i-- // the next one is end
		s[end].astray = astray
	}
	return restarts, dips, peaks, events
}

// An oracleResult is what must be read of a channel: the channel, or the reason why there is none.
type oracleResult struct {
	channel Channel
	rows    oracleSelection
	reason  Reason
}

// oracleChannel returns what must be read of a channel.
func oracleChannel(w Wanted, selected oracleSelection, q QualityLimits) (r oracleResult) {
	r.rows = selected
	c := Channel{Name: w.Name, Counter: w.Counter}
	times := r.rows.times
	var numbers []oracleNumber
	for _, row := range r.rows.rows {
		numbers = append(numbers, oracleNumberOf(row.values[w.Name.Field]))
	}
	switch {
	case float64(r.rows.dropped) > q.RowsDropped*float64(r.rows.timed):
		r.reason = ReasonBadClock
	case !slices.ContainsFunc(numbers, oracleNumber.isValue):
		r.reason = ReasonNoChannel
	case len(times) < 2 || c.Counter && len(times) < 3:
		r.reason = ReasonFewPoints
	}
	if r.reason != "" {
		return r
	}
	values := make([]float64, len(times))
	for i, n := range numbers {
		values[i] = math.NaN()
		if n.isValue() {
			values[i] = n.value()
		}
	}
	c.Times, c.Values = times, values
	if c.Counter {
		for i := range values {
			values[i] = math.NaN()
		}
		c.Times, c.Values = times[1:], values[1:]
		if events, samples := oracleCounts(&c, values, numbers, r.rows); events >= 3 && float64(events) > q.CounterEvents*float64(samples) {
			r.reason = ReasonBadCounter
		}
	}
	for _, v := range c.Values {
		if math.IsNaN(v) {
			c.Gaps++
		}
	}
	r.channel = c
	return r
}

// oracleCounts sets the rates and counts of a counter. values are by row.
func oracleCounts(c *Channel, values []float64, numbers []oracleNumber, rows oracleSelection) (events, samples int) {
	var s []oracleSample
	for i, n := range numbers {
		if n.isValue() && n.value() >= 0 {
			sample := oracleSample{oracleNumber: n, row: i, time: rows.times[i]}
			for j := i; j > 0 && len(s) > 0 && j > s[len(s)-1].row; j-- {
				sample.astray = sample.astray || rows.astray[j]
			}
			s = append(s, sample)
		}
	}
	c.Restarts, c.Dips, c.Peaks, events = oracleCounter(s)
	sum, rounded, exact, last := new(big.Int), 0.0, true, -1
	for i, n := range s {
		if n.isLeftOut {
			continue
		}
		exact = exact && n.integer != nil
		if last >= 0 && n.isUnknown {
			c.Unknown = append(c.Unknown, len(c.Counts))
		} else if last >= 0 {
			from := s[last].oracleNumber
			if n.isRestart {
				from = oracleNumber{integer: new(big.Int)}
			}
			by := n.minus(from)
			if exact {
				rounded = bigFloat64(sum.Add(sum, new(big.Int).Sub(n.integer, from.integer)))
			} else {
				rounded += by
			}
			if rate := by / (n.time - s[last].time); math.Abs(rate) <= 1e30 {
				values[n.row] = rate
			}
		}
		c.CountTimes, c.Counts = append(c.CountTimes, n.time), append(c.Counts, rounded)
		last = i
	}
	return events, len(s)
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
	return a.Name == b.Name && a.Counter == b.Counter && a.Restarts == b.Restarts && a.Dips == b.Dips && a.Peaks == b.Peaks &&
		a.Gaps == b.Gaps && slices.Equal(a.Unknown, b.Unknown) &&
		sameFloats(a.Times, b.Times) && sameFloats(a.Values, b.Values) &&
		sameFloats(a.CountTimes, b.CountTimes) && sameFloats(a.Counts, b.Counts)
}

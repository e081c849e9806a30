package episode

import (
	"cmp"
	"math"
	"math/bits"
)

// A stamp is a time as it is written: an exact number of nanoseconds where that is possible, else
// the float64 nearest to the number, in its unit. The zero stamp is missing: there is no time, or
// what is there is no time.
type stamp struct {
	lo   uint64 // the low 64 bits of the nanoseconds, or the bits of the float64
	hi   int32  // the high bits of the nanoseconds, or the nanoseconds of the float64's unit
	kind stampKind
}

type stampKind uint8

const (
	noStamp    stampKind = iota
	exactStamp           // nanoseconds, from -2^95 to 2^95-1
	floatStamp           // a finite float64
)

// A unit is how the times of a member are written. The zero unit is RFC 3339.
type unit struct {
	nanos  uint64 // nanoseconds of the unit
	digits int    // the most digits behind the point of an exact time
}

// unitOf returns the unit of a name, which must be valid.
func unitOf(name TimeUnit) unit {
	switch name {
	case Seconds:
		return unit{1e9, 9}
	case Milliseconds:
		return unit{1e6, 6}
	case Microseconds:
		return unit{1e3, 3}
	case Nanoseconds:
		return unit{1, 0}
	}
	return unit{}
}

// integer returns the time of a number of units.
func (u unit) integer(n uint64) stamp {
	hi, lo := bits.Mul64(n, u.nanos)
	return stamp{lo: lo, hi: int32(hi), kind: exactStamp}
}

// parse returns the time of a text: a JSON number, or a time as in RFC 3339. It is missing if the
// text is anything else.
func (u unit) parse(text []byte) stamp {
	if u.nanos == 0 {
		return parseRFC3339(text)
	}
	whole, fraction, exponent, ok := splitNumber(text)
	if !ok {
		return stamp{}
	}
	number := parseNumber(text[:whole], true)
	if number.isInteger() && exponent == 0 && fraction <= u.digits+1 { // 1 is the point
		return u.decimal(text[0] == '-', number.bits, text[min(whole+1, len(text)):])
	}
	return u.float(parseNumber(text, false).float64())
}

// decimal returns the exact time of a number of units with digits behind the point.
func (u unit) decimal(minus bool, whole uint64, digits []byte) stamp {
	fraction := parseDigits(digits)
	for range u.digits - len(digits) {
		fraction *= 10
	}
	hi, lo := bits.Mul64(whole, u.nanos)
	w := wide{hi, lo}.plus(wide{lo: fraction})
	if minus {
		w = wide{}.minus(w)
	}
	return exact(w)
}

// float returns the time of x units. It is missing if x is infinite.
func (u unit) float(x float64) stamp {
	if !isFinite(x) {
		return stamp{}
	}
	return stamp{lo: math.Float64bits(x), hi: int32(u.nanos), kind: floatStamp}
}

// exact returns the time of w nanoseconds, which must have at most 96 bits.
func exact(w wide) stamp { return stamp{lo: w.lo, hi: int32(w.hi), kind: exactStamp} }

func (s stamp) missing() bool { return s.kind == noStamp }

// wide returns the nanoseconds of an exact time.
func (s stamp) wide() wide { return wide{hi: uint64(int64(s.hi)), lo: s.lo} }

// compare returns -1 if s is earlier than t, +1 if it is later, and 0 if they are equal, exactly.
// Neither may be missing.
func (s stamp) compare(t stamp) int {
	if s.kind == exactStamp && t.kind == exactStamp {
		if s.hi != t.hi {
			return cmp.Compare(s.hi, t.hi)
		}
		return cmp.Compare(s.lo, t.lo)
	}
	sm, se := s.scaled()
	tm, te := t.scaled()
	if se < te {
		return -compareScaled(tm, te, sm, se)
	}
	return compareScaled(sm, se, tm, te)
}

// scaled returns m and e where s is m * 2^e nanoseconds, exactly. m has at most 96 bits.
func (s stamp) scaled() (m wide, e int) {
	if s.kind == exactStamp {
		return s.wide(), 0
	}
	fraction, e := math.Frexp(math.Float64frombits(s.lo))
	hi, lo := bits.Mul64(uint64(math.Ldexp(math.Abs(fraction), 53)), uint64(s.hi))
	m = wide{hi, lo}
	if fraction < 0 {
		m = wide{}.minus(m)
	}
	return m, e - 53
}

// compareScaled compares a * 2^ae with b * 2^be, where ae is at least be, and a and b have at most
// 96 bits.
func compareScaled(a wide, ae int, b wide, be int) int {
	if a == (wide{}) {
		return -b.sign()
	}
	if a.bits()+ae-be > 120 { // a * 2^(ae-be) is farther from 0 than b
		return a.sign()
	}
	return a.shifted(ae - be).minus(b).sign()
}

// truncated returns s without its fraction of a nanosecond.
func (s stamp) truncated() stamp {
	m, e := s.scaled()
	if s.missing() || m.bits()+e > 95 {
		return s // a float64 of this size is an integer
	}
	if m.isNegative() {
		return exact(wide{}.minus(wide{}.minus(m).shifted(e)))
	}
	return exact(m.shifted(e))
}

// seconds returns the time from zero to s, or NaN if s is missing:
//   - (s-zero) / 1e9 if both are exact; the difference is exact, and is then rounded to float64
//   - (x-x0) * u if s is a float64 x of a unit of u seconds; x0 is zero in that unit. In
//     nanoseconds it is (x-x0) / 1e9.
func (s stamp) seconds(zero stamp) float64 {
	if s.kind == exactStamp && zero.kind == exactStamp {
		return s.wide().minus(zero.wide()).float64() / 1e9
	}
	if s.missing() {
		return math.NaN()
	}
	nanos := uint64(s.hi)
	if s.kind == exactStamp { // zero is a float64: it is huge
		nanos = uint64(zero.hi)
	}
	x := s.in(nanos) - zero.in(nanos)
	switch nanos {
	case 1e9:
		return x
	case 1e6:
		return x * 1e-3
	case 1e3:
		return x * 1e-6
	}
	return x / 1e9
}

// in returns the float64 nearest to s, in a unit.
func (s stamp) in(nanos uint64) float64 {
	switch {
	case s.kind == exactStamp:
		return s.wide().over(nanos)
	case uint64(s.hi) == nanos:
		return math.Float64frombits(s.lo)
	}
	return math.Float64frombits(s.lo) * (float64(s.hi) / float64(nanos))
}

// parseRFC3339 returns the time of a text like 2026-01-01T00:00:00.000000001+01:00. The fraction
// has at most nine digits. T and Z may be lower case, and T may be a space.
func parseRFC3339(text []byte) stamp {
	const layout = "0000-00-00T00:00:00"
	if len(text) <= len(layout) || text[4] != '-' || text[7] != '-' || text[10]|0x20 != 't' && text[10] != ' ' {
		return stamp{}
	}
	day, ok := parseDate(text[:10])
	clock, ok2 := parseClock(text[11:len(layout)])
	fraction, length := parseFraction(text[len(layout):])
	offset, ok3 := parseOffset(text[len(layout)+length:])
	if !ok || !ok2 || !ok3 {
		return stamp{}
	}
	seconds := day*86400 + clock - offset
	hi, lo := bits.Mul64(uint64(max(seconds, -seconds)), 1e9)
	w := wide{hi, lo}
	if seconds < 0 {
		w = wide{}.minus(w)
	}
	return exact(w.plus(wide{lo: fraction}))
}

// parseDate returns the days since 1970-01-01 of a text like 2026-01-01.
func parseDate(text []byte) (day int64, ok bool) {
	century, year, month, date := twoDigits(text), twoDigits(text[2:]), twoDigits(text[5:]), twoDigits(text[8:])
	year += 100 * century
	if century < 0 || year < 100*century || month < 1 || month > 12 || date < 1 || date > daysOf(year, month) {
		return 0, false
	}
	// Years begin in March here, so that a leap day is the last day of its year.
	if month < 3 {
		year, month = year-1, month+12
	}
	year += 400 // not negative
	const epoch = 865566
	return year*365 + year/4 - year/100 + year/400 + (month*153-457)/5 + date - epoch, true
}

func daysOf(year, month int64) int64 {
	switch {
	case month == 2 && (year%4 != 0 || year%100 == 0 && year%400 != 0):
		return 28
	case month == 2:
		return 29
	}
	return 30 + (month+month/8)%2
}

// parseClock returns the seconds of a text like 23:59:59.
func parseClock(text []byte) (seconds int64, ok bool) {
	hour, minute, second := twoDigits(text), twoDigits(text[3:]), twoDigits(text[6:])
	ok = text[2] == ':' && text[5] == ':' && isWithin(hour, 23) && isWithin(minute, 59) && isWithin(second, 59)
	return hour*3600 + minute*60 + second, ok
}

// parseFraction returns the nanoseconds of a fraction of a second at the start of text, and its
// length. Without one of at most nine digits, the length is 0.
func parseFraction(text []byte) (nanos uint64, length int) {
	if text[0] != '.' {
		return 0, 0
	}
	digits := countDigits(text[1:])
	if digits == 0 || digits > 9 {
		return 0, 0
	}
	nanos = parseDigits(text[1 : 1+digits])
	for range 9 - digits {
		nanos *= 10
	}
	return nanos, 1 + digits
}

// parseOffset returns the seconds by which a clock is ahead of UTC, of a text like Z or +01:00.
func parseOffset(text []byte) (seconds int64, ok bool) {
	if len(text) == 1 {
		return 0, text[0]|0x20 == 'z'
	}
	if len(text) != len("+00:00") || text[3] != ':' {
		return 0, false
	}
	hour, minute := twoDigits(text[1:]), twoDigits(text[4:])
	seconds = hour*3600 + minute*60
	ok = isWithin(hour, 23) && isWithin(minute, 59)
	switch text[0] {
	case '+':
		return seconds, ok
	case '-':
		return -seconds, ok
	}
	return 0, false
}

func isWithin(n, most int64) bool { return 0 <= n && n <= most }

// twoDigits returns the number of the first two bytes, or less than -100 if they are not digits.
func twoDigits(text []byte) int64 {
	if isDigit(text[0]) && isDigit(text[1]) {
		return int64(text[0]-'0')*10 + int64(text[1]-'0')
	}
	return -1000
}

package episode

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// oracleStamp returns the nanoseconds of a text, and whether the stamp is exact, else a float64 in
// its unit. It returns nil if the text is no time.
func oracleStamp(text string, u unit) (nanos *big.Rat, isExact bool) {
	if u.nanos == 0 {
		at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(strings.Replace(text, " ", "T", 1)))
		if err != nil || !isRFC3339.MatchString(text) {
			return nil, false
		}
		n := new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(1e9))
		return new(big.Rat).SetInt(n.Add(n, big.NewInt(int64(at.Nanosecond())))), true
	}
	n := oracleNumberOf(jsonValue(text))
	if n.integer == nil && n.float == nil || !isFinite(n.value()) {
		return nil, false
	}
	scale := new(big.Rat).SetInt(new(big.Int).SetUint64(u.nanos))
	whole, fraction, _ := strings.Cut(text, ".")
	if oracleNumberOf(jsonValue(whole)).integer != nil && len(fraction) <= u.digits && !strings.ContainsAny(text, "eE") {
		x, _ := new(big.Rat).SetString(text)
		return x.Mul(x, scale), true
	}
	x := new(big.Rat).SetFloat64(n.value())
	return x.Mul(x, scale), false
}

// isRFC3339 is stricter than package time.
var isRFC3339 = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)

func jsonValue(text string) any {
	if isNumber.MatchString(text) {
		return json.Number(text)
	}
	return nil
}

// rat returns the nanoseconds of s.
func (s stamp) rat() *big.Rat {
	if s.kind == exactStamp {
		return new(big.Rat).SetInt(s.wide().big())
	}
	x := new(big.Rat).SetFloat64(math.Float64frombits(s.lo))
	return x.Mul(x, new(big.Rat).SetInt64(int64(s.hi)))
}

var units = map[TimeUnit]unit{Nanoseconds: unitOf(Nanoseconds), Microseconds: unitOf(Microseconds), Milliseconds: unitOf(Milliseconds), Seconds: unitOf(Seconds), RFC3339: unitOf(RFC3339)}

// checkStamp compares parsing, comparing and subtracting of times with math/big.
func checkStamp(t fataler, a, b string, name TimeUnit) {
	u := units[name]
	var stamps [2]stamp
	for i, text := range []string{a, b} {
		s := u.parse([]byte(text))
		want, isExact := oracleStamp(text, u)
		if s.missing() != (want == nil) || want != nil && (s.rat().Cmp(want) != 0 || (s.kind == exactStamp) != isExact) {
			t.Fatalf("%q in %s is %v, want %v, exact %v", text, name, s, want, isExact)
		}
		if want == nil {
			return
		}
		stamps[i] = s
		checkTruncated(t, s)
	}
	s, o := stamps[0], stamps[1]
	if got, want := s.compare(o), s.rat().Cmp(o.rat()); got != want || o.compare(s) != -want {
		t.Fatalf("%q is compared to %q as %d, want %d", a, b, got, want)
	}
	zero := o.truncated()
	if got, want := s.seconds(zero), oracleSeconds(s, zero, u); got != want {
		t.Fatalf("%q since %q is %v, want %v", a, b, got, want)
	}
}

func checkTruncated(t fataler, s stamp) {
	x := s.rat()
	want := new(big.Rat).SetInt(new(big.Int).Quo(x.Num(), x.Denom()))
	if got := s.truncated(); got.rat().Cmp(want) != 0 {
		t.Fatalf("%v is truncated to %v, want %v", s, got.rat(), want)
	}
}

func oracleSeconds(s, zero stamp, u unit) float64 {
	nearest := func(r *big.Rat) float64 { f, _ := r.Float64(); return f }
	if s.kind == exactStamp && zero.kind == exactStamp {
		return nearest(new(big.Rat).Sub(s.rat(), zero.rat())) / 1e9
	}
	scale := new(big.Rat).SetInt(new(big.Int).SetUint64(u.nanos))
	x := nearest(new(big.Rat).Quo(s.rat(), scale)) - nearest(new(big.Rat).Quo(zero.rat(), scale))
	switch u.nanos {
	case 1:
		return x / 1e9
	case 1e3:
		return x * 1e-6
	case 1e6:
		return x * 1e-3
	}
	return x
}

// drawTime draws a text that may be a time.
func drawTime(t *rapid.T, name string) string {
	return rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,11})?([eE][+-]?[0-9]{1,2})?`),
		rapid.StringMatching(`17672256[0-9]{2}\.[0-9]{1,9}`),
		rapid.StringMatching(`1767225600[0-9]{9}`),
		rapid.StringMatching(`[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`),
		rapid.SampledFrom([]string{"0", "-0", "-0.5", "1e999", "-1e308", "1.7e308", "5e-324", "9007199254740993", "9007199254740992e0", "null", "NaN", "", "01", "1.", " 1",
			"18446744073709551615", "18446744073709551615.999999999", "18446744073709551616", "-9223372036854775808.5", "-9223372036854775809", "1.8446744073709552e19"}),
	).Draw(t, name)
}

func TestStamp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]TimeUnit{Nanoseconds, Microseconds, Milliseconds, Seconds, RFC3339}).Draw(t, "unit")
		a := drawTime(t, "a")
		b := drawTime(t, "b")
		if rapid.Bool().Draw(t, "near") {
			b = a + rapid.SampledFrom([]string{"", "0", "1", "e0", ".0"}).Draw(t, "more")
		}
		checkStamp(t, a, b, name)
	})
}

// TestStampAcrossUnits checks that one moment is one time, however it is written.
func TestStampAcrossUnits(t *testing.T) {
	want := unitOf(Nanoseconds).parse([]byte("1767225600123456789"))
	for text, name := range map[string]TimeUnit{
		"1767225600.123456789":                Seconds,
		"1767225600123.456789":                Milliseconds,
		"1767225600123456.789":                Microseconds,
		"2026-01-01T00:00:00.123456789Z":      RFC3339,
		"2026-01-01t01:00:00.123456789+01:00": RFC3339,
		"2025-12-31 12:30:00.123456789-11:30": RFC3339,
	} {
		if got := unitOf(name).parse([]byte(text)); got != want {
			t.Errorf("%s in %s is %v, want %v", text, name, got, want)
		}
	}
	zero := unitOf(RFC3339).parse([]byte("2026-01-01T00:00:00Z"))
	for text, c := range map[string]struct {
		unit TimeUnit
		want float64
	}{
		"1767225645020000000":   {Nanoseconds, 45.02},
		"1767225645020":         {Milliseconds, 45.02},
		"1767225645.020":        {Seconds, 45.02},
		"1767225645.5e0":        {Seconds, 45.5},
		"1767225645500.0000000": {Milliseconds, 45.5},
		"-1":                    {Seconds, -1767225601},
	} {
		if got := unitOf(c.unit).parse([]byte(text)).seconds(zero); got != c.want {
			t.Errorf("%s in %s is at %v s, want %v", text, c.unit, got, c.want)
		}
	}
	if x := (stamp{}).seconds(zero); !math.IsNaN(x) {
		t.Errorf("a missing time is at %v s", x)
	}
	// A float64 and times around it, in two units.
	float, below, above := unitOf(Seconds).parse([]byte("1767225600.5e0")), unitOf(Milliseconds).parse([]byte("1767225600499.999999")), unitOf(Nanoseconds).parse([]byte("1767225600500000001"))
	if float.compare(below) != 1 || float.compare(above) != -1 || unitOf(Milliseconds).float(1767225600500).compare(float) != 0 {
		t.Error("not in order")
	}
	for bits := 90; bits < 100; bits++ { // an exact time has 96 bits
		checkTruncated(t, unitOf(Nanoseconds).float(math.Ldexp(1, bits)))
		checkTruncated(t, unitOf(Seconds).float(-math.Ldexp(1.75, bits-30)))
	}
	// A first label that is too large for an exact time.
	if far := unitOf(Nanoseconds).float(1e300); far.truncated() != far || math.Abs(above.seconds(far)/-1e291-1) > 1e-15 || math.Abs(unitOf(Seconds).float(1e300).seconds(far)/1e300-1) > 1e-8 {
		t.Errorf("%v %v", above.seconds(far), unitOf(Seconds).float(1e300).seconds(far))
	}
}

func TestStampRefuses(t *testing.T) {
	for _, text := range []string{
		"", "2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:60Z", "2026-01-01T24:00:00Z",
		"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "1900-02-29T00:00:00Z",
		"2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00 01:00", "2026-01-01T00:00:00ZZ", "2026-01-01T0x:00:00Z",
		"2o26-01-01T00:00:00Z", "202x-01-01T00:00:00Z", "2026/01/01T00:00:00Z", "2026-01-01X00:00:00Z", "2026-01-01T00-00:00Z", "2026-01-01T00:00:00+1:000", "1767225600", "20260101T000000Z.......",
	} {
		if s := unitOf(RFC3339).parse([]byte(text)); !s.missing() {
			t.Errorf("%q is %v", text, s.rat())
		}
	}
}

// TestStampDays compares the dates of 800 years with package time.
func TestStampDays(t *testing.T) {
	for at := time.Date(1599, 12, 25, 0, 0, 0, 0, time.UTC); at.Year() < 2401; at = at.AddDate(0, 0, 1) {
		if day, ok := parseDate([]byte(at.Format(time.DateOnly))); !ok || day*86400 != at.Unix() {
			t.Fatalf("%v is day %d, %v", at, day, ok)
		}
	}
}

// FuzzStamp compares times with math/big and package time.
func FuzzStamp(f *testing.F) {
	for _, text := range []string{"1767225600000000000", "1767225600.123456789", "1767225600123.4567891", "-0.5", "1e999", "2026-01-01T00:00:00.5+01:00"} {
		f.Add(text, "1767225600", 3)
	}
	f.Fuzz(func(t *testing.T, a, b string, n int) {
		names := []TimeUnit{Nanoseconds, Microseconds, Milliseconds, Seconds, RFC3339}
		if len(a)+len(b) < 100 {
			checkStamp(t, a, b, names[uint(n)%uint(len(names))])
		}
	})
}

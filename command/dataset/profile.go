package dataset

import (
	"fmt"
	"math"
)

// AttackProfile is one row of attack_profiles_v1.parquet: a profile's envelope.
//
// The four lists have one number a grid point (80 by default) and the same
// length. The raw ones are in the channel's unit; Median is scaled to [0, 1] by
// MedianMinRaw and MedianMaxRaw, the least and the greatest of the raw medians
// before they were rounded to float32. All numbers are finite; a point without
// data is 0.
type AttackProfile struct {
	Profile      string    `parquet:"profile"`
	Channel      string    `parquet:"channel"`              // <source>.<field>
	Used         int32     `parquet:"n_episodes_used"`      // episodes in the sample
	Attempted    int32     `parquet:"n_episodes_attempted"` // those and the ones that gave no curve
	Median       []float32 `parquet:"median,list"`
	MedianRaw    []float32 `parquet:"median_raw,list"`
	P25Raw       []float32 `parquet:"p25_raw,list"`
	P75Raw       []float32 `parquet:"p75_raw,list"`
	MedianMinRaw float64   `parquet:"median_min_raw"`
	MedianMaxRaw float64   `parquet:"median_max_raw"`
}

// Check reports what keeps p from being a row of the file; the error matches
// ErrShape and names the column.
func (p *AttackProfile) Check() error {
	if p.Profile == "" {
		return fmt.Errorf("%w: profile is empty", ErrShape)
	}
	if p.Channel == "" {
		return fmt.Errorf("%w: channel is empty", ErrShape)
	}
	if p.Used < 0 || p.Attempted < p.Used {
		return fmt.Errorf("%w: n_episodes_used is %d, n_episodes_attempted %d", ErrShape, p.Used, p.Attempted)
	}
	for _, list := range []struct {
		name   string
		values []float32
	}{{"median", p.Median}, {"median_raw", p.MedianRaw}, {"p25_raw", p.P25Raw}, {"p75_raw", p.P75Raw}} {
		if len(list.values) != len(p.Median) {
			return fmt.Errorf("%w: %s has %d numbers, median has %d", ErrShape, list.name, len(list.values), len(p.Median))
		}
		for i, v := range list.values {
			if !finite(float64(v)) {
				return fmt.Errorf("%w: %s[%d] is %v", ErrShape, list.name, i, v)
			}
		}
	}
	if !finite(p.MedianMinRaw) || !finite(p.MedianMaxRaw) {
		return fmt.Errorf("%w: median_min_raw is %v, median_max_raw %v", ErrShape, p.MedianMinRaw, p.MedianMaxRaw)
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

var profileColumns = []tableColumn[AttackProfile]{
	{"profile", kindString, func(p *AttackProfile, v value) error { p.Profile = string(v.bytes); return nil }},
	{"channel", kindString, func(p *AttackProfile, v value) error { p.Channel = string(v.bytes); return nil }},
	{"n_episodes_used", kindCount, func(p *AttackProfile, v value) (err error) { p.Used, err = v.count(); return err }},
	{"n_episodes_attempted", kindCount, func(p *AttackProfile, v value) (err error) { p.Attempted, err = v.count(); return err }},
	{"median", kindList, func(p *AttackProfile, v value) error { p.Median = append(p.Median, v.float()); return nil }},
	{"median_raw", kindList, func(p *AttackProfile, v value) error { p.MedianRaw = append(p.MedianRaw, v.float()); return nil }},
	{"p25_raw", kindList, func(p *AttackProfile, v value) error { p.P25Raw = append(p.P25Raw, v.float()); return nil }},
	{"p75_raw", kindList, func(p *AttackProfile, v value) error { p.P75Raw = append(p.P75Raw, v.float()); return nil }},
	{"median_min_raw", kindDouble, func(p *AttackProfile, v value) error { p.MedianMinRaw = v.double(); return nil }},
	{"median_max_raw", kindDouble, func(p *AttackProfile, v value) error { p.MedianMaxRaw = v.double(); return nil }},
}

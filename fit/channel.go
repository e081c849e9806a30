package fit

import (
	"errors"
	"strings"
)

// A ChannelKind says what the values of a channel are.
type ChannelKind string

const (
	// Counter only grows while its process lives. Its curve is the rate per second.
	Counter ChannelKind = "counter"
	// Gauge is used as it is.
	Gauge ChannelKind = "gauge"
)

// A Channel says how a channel is read and shown. In a [Spec] it has what differs from the defaults; [Spec.Channel] returns all of
// it.
type Channel struct {
	Kind  ChannelKind `json:"kind,omitempty"`
	Unit  string      `json:"unit,omitempty"`  // of the curve: of a counter, that of its rate
	Scale float64     `json:"scale,omitempty"` // factor of each point; 0 means 1
	Field string      `json:"field,omitempty"` // path in the row; "" means what is behind the first dot of the channel's name
}

var errZeroScale = errors.New("a scale of 0 would make all points 0")

// UnmarshalJSON reads the JSON object that encoding/json writes. An unknown key and a scale of 0 are errors.
func (c *Channel) UnmarshalJSON(data []byte) error {
	type plain Channel // does not have this method
	form := struct {
		plain
		Scale *float64 `json:"scale"`
	}{}
	if err := decodeStrict(data, &form); err != nil {
		return err
	}
	if form.Scale != nil {
		if *form.Scale == 0 {
			return errZeroScale
		}
		form.plain.Scale = *form.Scale
	}
	*c = Channel(form.plain)
	return nil
}

// counters has the channels that are counters if a spec does not say otherwise.
var counters = map[string]bool{
	"proc.cpu_user_jiffies": true, "proc.cpu_sys_jiffies": true,
	"proc.io_read_bytes": true, "proc.io_write_bytes": true, "proc.io_rchar": true, "proc.io_wchar": true,
	"proc.minflt": true, "proc.majflt": true, "proc.ctxt_voluntary": true, "proc.ctxt_involuntary": true,
}

// Channel returns how a channel, <source>.<field>, is read and shown: what the spec says about it and, for the rest, the defaults.
func (s *Spec) Channel(name string) Channel {
	c := s.Format.Channels[name]
	_, field, _ := strings.Cut(name, ".")
	if c.Kind == "" {
		c.Kind = Gauge
		if counters[name] {
			c.Kind = Counter
		}
	}
	if c.Unit == "" {
		c.Unit = unitOf(field, c.Kind)
	}
	if c.Scale == 0 {
		c.Scale = 1
	}
	if c.Field == "" {
		c.Field = field
	}
	return c
}

// unitOf returns the unit that the name of a field gives: for a counter jiffies/s, bytes/s or 1/s; for a gauge bytes, kB, jiffies,
// or "" if the name does not say it.
func unitOf(field string, kind ChannelKind) string {
	unit := ""
	switch {
	case strings.HasSuffix(field, "_jiffies"):
		unit = "jiffies"
	case strings.HasSuffix(field, "_bytes"), field == "io_rchar", field == "io_wchar":
		unit = "bytes"
	case strings.HasSuffix(field, "_kb"):
		unit = "kB"
	}
	switch {
	case kind == Counter && unit == "":
		return "1/s"
	case kind == Counter:
		return unit + "/s"
	default:
		return unit
	}
}

// Unit returns the unit that the name of a channel gives. Where there is a spec, use [Spec.Channel].
func Unit(channel string) string { return (&Spec{}).Channel(channel).Unit }

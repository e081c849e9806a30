package fit

import "strings"

// counters has the fields of the source proc that are counters. Their curves are rates.
var counters = map[string]bool{
	"cpu_user_jiffies": true, "cpu_sys_jiffies": true,
	"io_read_bytes": true, "io_write_bytes": true, "io_rchar": true, "io_wchar": true,
	"minflt": true, "majflt": true, "ctxt_voluntary": true, "ctxt_involuntary": true,
}

// Unit returns the unit of a channel's values: jiffies/s, bytes/s or 1/s for the rate of a counter; bytes, kB, jiffies or "" for
// a gauge, which is "" if the name does not give a unit.
func Unit(channel string) string {
	source, field, _ := strings.Cut(channel, ".")
	unit := ""
	switch {
	case strings.HasSuffix(field, "_jiffies"):
		unit = "jiffies"
	case strings.HasSuffix(field, "_bytes"), field == "io_rchar", field == "io_wchar":
		unit = "bytes"
	case strings.HasSuffix(field, "_kb"):
		unit = "kB"
	}
	switch rate := source == "proc" && counters[field]; {
	case rate && unit == "":
		return "1/s"
	case rate:
		return unit + "/s"
	default:
		return unit
	}
}

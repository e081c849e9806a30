package episode

import (
	"cmp"
	"fmt"
)

// Limits bound what reading one archive may cost. Each is the largest value that is accepted; zero
// means the default. Limits decide which episodes give a curve, so they are part of a generation
// (as JSON).
type Limits struct {
	// WindowBytes is the largest zstd window, which the decoder keeps in memory. If a frame has a
	// larger window than a frame before it, and both are over BigWindowBytes, it is their sum that
	// must not be larger: the decoder has both for a moment.
	WindowBytes int64 `json:"window_bytes" envconfig:"WINDOW_BYTES"`
	// BigWindowBytes is the largest zstd window that may be open many times at once: archives with
	// larger ones are read one at a time in the whole process.
	BigWindowBytes int64 `json:"big_window_bytes" envconfig:"BIG_WINDOW_BYTES"`
	// TotalBytes is the largest archive, decompressed.
	TotalBytes int64 `json:"total_bytes" envconfig:"TOTAL_BYTES"`
	// MemberBytes is the largest size of a member that is needed.
	MemberBytes int64 `json:"member_bytes" envconfig:"MEMBER_BYTES"`
	// LineBytes is the longest line of a member that is needed, without its line end.
	LineBytes int64 `json:"line_bytes" envconfig:"LINE_BYTES"`
	// Rows is the highest number of rows of one telemetry member. Blank lines are not counted.
	Rows int `json:"rows" envconfig:"ROWS"`
	// Labels is the highest number of labels. Blank lines are not counted.
	Labels int `json:"labels" envconfig:"LABELS"`
	// Cells is the highest number of cells of the rows of an archive. A row takes one for each channel
	// that is read of its source, at least two, and one if it was dropped. They are kept in memory.
	Cells int `json:"cells" envconfig:"CELLS"`
	// Members is the highest number of entries in the tar, including those that are not needed.
	Members int `json:"members" envconfig:"MEMBERS"`
	// Depth is the deepest nesting of JSON. An object without other objects or arrays in it has
	// depth 1.
	Depth int `json:"depth" envconfig:"DEPTH"`
}

// DefaultLimits returns the limits of the episode format.
func DefaultLimits() Limits {
	return Limits{
		WindowBytes:    128 << 20,
		BigWindowBytes: 8 << 20,
		TotalBytes:     1 << 30,
		MemberBytes:    256 << 20,
		LineBytes:      1 << 20,
		Rows:           1_000_000,
		Labels:         10_000,
		Cells:          2_000_000,
		Members:        100_000,
		Depth:          1_000,
	}
}

// Validate returns an error that names the first limit out of range, by its variable. Zero is always valid.
func (l Limits) Validate() error {
	for _, f := range []struct {
		name        string
		value       int64
		least, most int64
	}{
		{"WINDOW_BYTES", l.WindowBytes, 1 << 10, 1 << 31}, // the windows that zstd itself allows
		{"BIG_WINDOW_BYTES", l.BigWindowBytes, 1, 1 << 31},
		{"TOTAL_BYTES", l.TotalBytes, 1, 1 << 50},
		{"MEMBER_BYTES", l.MemberBytes, 1, 1 << 50},
		{"LINE_BYTES", l.LineBytes, 1, 1 << 30}, // a line is held in memory
		{"ROWS", int64(l.Rows), 1, 1 << 30},
		{"LABELS", int64(l.Labels), 1, 1 << 30},
		{"CELLS", int64(l.Cells), 1, 1 << 36},
		{"MEMBERS", int64(l.Members), 1, 1 << 40},
		{"DEPTH", int64(l.Depth), 1, 100_000}, // nesting is followed by recursion
	} {
		if f.value != 0 && (f.value < f.least || f.value > f.most) {
			return fmt.Errorf("EPISODE_MAX_%s is %d: it must be between %d and %d", f.name, f.value, f.least, f.most)
		}
	}
	return nil
}

// OrDefault returns l with each zero replaced by the default.
func (l Limits) OrDefault() Limits {
	d := DefaultLimits()
	return Limits{
		WindowBytes:    cmp.Or(l.WindowBytes, d.WindowBytes),
		BigWindowBytes: cmp.Or(l.BigWindowBytes, d.BigWindowBytes),
		TotalBytes:     cmp.Or(l.TotalBytes, d.TotalBytes),
		MemberBytes:    cmp.Or(l.MemberBytes, d.MemberBytes),
		LineBytes:      cmp.Or(l.LineBytes, d.LineBytes),
		Rows:           cmp.Or(l.Rows, d.Rows),
		Labels:         cmp.Or(l.Labels, d.Labels),
		Cells:          cmp.Or(l.Cells, d.Cells),
		Members:        cmp.Or(l.Members, d.Members),
		Depth:          cmp.Or(l.Depth, d.Depth),
	}
}

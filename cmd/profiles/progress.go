package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// A bar shows how far long work has got; on anything but a terminal it is
// nothing. The zero value is that.
type bar struct{ bar *progressbar.ProgressBar }

// startBar begins a bar on stderr. A total below 0 is not known.
func (t *terminal) startBar(what string, total int) bar {
	if !isTerminal(t.err) {
		return bar{}
	}
	return bar{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(t.err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSpinnerType(14),
	)}
}

func (b bar) set(done, total int) {
	if b.bar != nil {
		b.bar.ChangeMax(total)
		_ = b.bar.Set(done)
	}
}

func (b bar) step() {
	if b.bar != nil {
		_ = b.bar.Add(1)
	}
}

// end takes the bar off the screen.
func (b bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
		_ = b.bar.Clear()
	}
}

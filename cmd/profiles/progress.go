package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// A bar shows how far long work has got, from the first step on; where nobody
// watches stderr it is nothing.
type bar struct {
	t    *terminal
	what string
	bar  *progressbar.ProgressBar
}

func (t *terminal) bar(what string) *bar { return &bar{t: t, what: what} }

// unknown is the total of work whose end is not known.
const unknown = -1

func (b *bar) begin(total int) bool {
	if b.bar == nil && isTerminal(b.t.err) {
		b.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(b.t.err),
			progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSpinnerType(14),
		)
	}
	return b.bar != nil
}

// set shows that so much of so much is done.
func (b *bar) set(done, total int) {
	if b.begin(total) {
		b.bar.ChangeMax(total)
		_ = b.bar.Set(done)
	}
}

// step counts one more of work whose end is not known.
func (b *bar) step() {
	if b.begin(unknown) {
		_ = b.bar.Add(1)
	}
}

// end takes the bar off the screen; a next step begins another.
func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
		_ = b.bar.Clear()
		b.bar = nil
	}
}

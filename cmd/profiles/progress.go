package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// A progress shows how much of a long task is done, as a bar on stderr. If stderr
// is not a terminal it shows nothing. It appears with the first step.
type progress struct {
	t    *terminal
	what string // the task
	bar  *progressbar.ProgressBar
}

func (t *terminal) progress(what string) *progress { return &progress{t: t, what: what} }

// unknownTotal is the total of work whose length is not known.
const unknownTotal = -1

func (p *progress) show(total int) bool {
	if screen := screenOf(p.t.err); p.bar == nil && screen != nil {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(screen),
			progressbar.OptionSetDescription(p.what),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSpinnerType(14),
		)
	}
	return p.bar != nil
}

// set shows that done of total steps are done.
func (p *progress) set(done, total int) {
	if p.show(total) {
		p.bar.ChangeMax(total)
		_ = p.bar.Set(done)
	}
}

// setStep is set for work of several steps: what says which one it is.
func (p *progress) setStep(what string, done, total int) {
	if what != p.what {
		p.end()
		p.what = what
	}
	p.set(done, total)
}

// step counts one more step of work whose length is not known.
func (p *progress) step() {
	if p.show(unknownTotal) {
		_ = p.bar.Add(1)
	}
}

// end removes the bar from the screen. A later step shows a new one.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		_ = p.bar.Clear()
		p.bar = nil
	}
}

// Package warnonce decides which failures are logged as warnings: if a thing fails for the
// same reason again and again, only the first failure is.
package warnonce

import "sync"

// Reasons remember the last reason for which a thing failed. The zero value has no reasons.
// They are safe for concurrent use.
type Reasons struct {
	mu   sync.Mutex
	last map[string]string
}

// IsNew remembers the reason for which a thing failed, and reports whether it differs from
// the one before.
func (r *Reasons) IsNew(thing, reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, failed := r.last[thing]; failed && last == reason {
		return false
	}
	if r.last == nil {
		r.last = map[string]string{}
	}
	r.last[thing] = reason
	return true
}

// Works forgets why a thing failed: the next failure is new.
func (r *Reasons) Works(thing string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, thing)
}

// Clear forgets every failure.
func (r *Reasons) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.last)
}

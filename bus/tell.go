package bus

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cis490/profiles/internal/logkey"
)

// told is what a Bus has logged about wrong settings: each is logged once while it lasts.
type told struct {
	mended atomic.Uint64 // settings
	mu     sync.Mutex
	texts  map[string]string // by scope and setting
}

// SettingsMended is how many settings this client has found wrong and mended so far. It is safe
// for concurrent use.
func (b *Bus) SettingsMended() uint64 { return b.told.mended.Load() }

// Tell logs what a comparison found, a setting that stays wrong only once. scope names what was
// compared: a setting of the same scope that is not wrong any more is logged, too.
func (b *Bus) Tell(scope string, check Check) {
	for _, w := range check.Mended {
		b.told.mended.Add(1)
		b.Log().Warn("mended a setting", logkey.Piece, w.Place(), logkey.Setting, w.Setting, logkey.Detail, w.What())
	}
	b.told.mu.Lock()
	defer b.told.mu.Unlock()
	now := map[string]string{}
	for _, w := range check.Wrong {
		key := scope + " " + w.Place() + ": " + w.Setting
		now[key] = w.String()
		if b.told.texts[key] != now[key] {
			b.Log().Warn("a setting is wrong", logkey.Piece, w.Place(), logkey.Setting, w.Setting, logkey.Detail, w.String())
		}
	}
	for key := range b.told.texts {
		place, ours := strings.CutPrefix(key, scope+" ")
		if _, wrong := now[key]; ours && !wrong {
			b.Log().Info("a setting is right again", logkey.Setting, place)
		}
		if !ours {
			now[key] = b.told.texts[key]
		}
	}
	b.told.texts = now
}

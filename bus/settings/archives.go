package settings

import (
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Archives is Streams for a bucket of archives. Its size is the operator's choice, and so is the
// age at which archives are deleted: that is only shown. No setting keeps a worker from reading
// the archives that are there, so none has the level Refused.
func Archives(have, want jetstream.StreamConfig) (mended jetstream.StreamConfig, wrong []Wrong) {
	want.MaxBytes = have.MaxBytes
	mended, wrong = Streams(have, want, "")
	address := "nats://" + strings.TrimPrefix(want.Name, "OBJ_")
	for i := range wrong {
		w := &wrong[i]
		w.Level, w.Loses = min(w.Level, Unsettled), false
		switch {
		case w.Setting == maxAge:
			mended.MaxAge = have.MaxAge
			w.Level, w.By, w.Harm = Told, ByHand, "archives are deleted at that age, and another spec or epoch counts them as missing"
			w.Cure = "run `nats stream edit " + want.Name + " --max-age 0` if you do not want that"
		case w.By == ByNewStream:
			w.Cure = "run `nats stream rm " + want.Name + " -f`, `profiles topology --archives " + address + "` and `profiles emit --store DIR --upload " + address + "` with all archives in DIR"
		case w.By == ByUpdate:
			w.Cure = "run `profiles topology --archives " + address + "`"
		}
	}
	return mended, wrong
}

package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/cis490/profiles/fit"
)

// An archive may kill the worker that reads it. Whoever reads an episode that
// was delivered before leaves a mark first and removes it at any end that it
// lives to see; the marks that stand are the readers that died. The delivery
// count can't serve: patience and drains raise it, too.

func attemptKey(gen fit.Generation, seq uint64) string {
	return string(gen) + "." + strconv.FormatUint(seq, 10)
}

// markAttempt adds a mark and returns how many stood before.
func (b *Bus) markAttempt(ctx context.Context, gen fit.Generation, seq uint64) (int, error) {
	subject := keySubject(AttemptsBucket, attemptKey(gen, seq))
	for read := b.last; ; read = b.lastNow {
		v, err := read(ctx, bucketStream(AttemptsBucket), subject)
		if err != nil {
			return 0, fmt.Errorf("read the marks of message %d: %w", seq, err)
		}
		marks := 0
		if v.live {
			marks, _ = strconv.Atoi(string(v.data)) // what somebody else wrote counts as none
		}
		_, err = b.swap(ctx, subject, []byte(strconv.Itoa(marks+1)), v.rev, nil)
		if err == nil {
			return marks, nil
		}
		if !isConflict(err) {
			return 0, fmt.Errorf("mark message %d: %w", seq, err)
		}
		if err := pause(ctx, conflictPause); err != nil {
			return 0, err
		}
	}
}

// setAttempts leaves so many marks.
func (b *Bus) setAttempts(ctx context.Context, gen fit.Generation, seq uint64, marks int) error {
	kv, err := b.openBucket(ctx, AttemptsBucket)
	if err != nil {
		return err
	}
	key := attemptKey(gen, seq)
	if marks == 0 {
		err = kv.Purge(ctx, key)
	} else {
		_, err = kv.Put(ctx, key, []byte(strconv.Itoa(marks)))
	}
	if err != nil {
		return fmt.Errorf("set the marks of message %d to %d: %w", seq, marks, err)
	}
	return nil
}

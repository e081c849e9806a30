package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// An archive may kill the worker that reads it. Whoever reads an episode that
// was delivered before leaves a mark first and removes it at any end that it
// lives to see, or while it waits for another try; the marks that stand still
// are the readers that died. The delivery count can't serve: patience and drains
// raise it, too. Nor can marks alone: those of readers that live come and go.

// FatalTries is how many readers may die of a message.
const FatalTries = 5

func attemptKey(gen fit.Generation, seq uint64) string {
	return string(gen) + "." + strconv.FormatUint(seq, 10)
}

// markAttempt adds a mark. It returns how many stood before, and the revision
// with ours.
func (b *Bus) markAttempt(ctx context.Context, gen fit.Generation, seq uint64) (before int, rev uint64, err error) {
	return b.changeMarks(ctx, gen, seq, func(marks int, v value) (uint64, error) {
		return b.swap(ctx, keySubject(AttemptsBucket, attemptKey(gen, seq)), []byte(strconv.Itoa(marks+1)), v.rev, nil)
	})
}

// unmarkAttempt removes one mark.
func (b *Bus) unmarkAttempt(ctx context.Context, gen fit.Generation, seq uint64) error {
	_, _, err := b.changeMarks(ctx, gen, seq, func(marks int, v value) (uint64, error) {
		switch marks {
		case 0:
			return 0, nil
		case 1:
			return 0, b.clearAttempts(ctx, gen, seq, jetstream.LastRevision(v.rev))
		}
		return b.swap(ctx, keySubject(AttemptsBucket, attemptKey(gen, seq)), []byte(strconv.Itoa(marks-1)), v.rev, nil)
	})
	return err
}

// changeMarks runs change on what there is until nobody else comes between.
func (b *Bus) changeMarks(ctx context.Context, gen fit.Generation, seq uint64, change func(marks int, v value) (uint64, error)) (before int, rev uint64, err error) {
	for read := b.last; ; read = b.lastNow {
		v, err := read(ctx, bucketStream(AttemptsBucket), keySubject(AttemptsBucket, attemptKey(gen, seq)))
		if err != nil {
			return 0, 0, fmt.Errorf("read the marks of message %d: %w", seq, err)
		}
		before := marksIn(v)
		rev, err := change(before, v)
		if err == nil {
			return before, rev, nil
		}
		if !isConflict(err) {
			return 0, 0, fmt.Errorf("mark message %d: %w", seq, err)
		}
		if err := pause(ctx, conflictPause); err != nil {
			return 0, 0, err
		}
	}
}

// attempts returns how many marks stand, and their revision.
func (b *Bus) attempts(ctx context.Context, gen fit.Generation, seq uint64) (marks int, rev uint64, err error) {
	v, err := b.lastNow(ctx, bucketStream(AttemptsBucket), keySubject(AttemptsBucket, attemptKey(gen, seq)))
	if err != nil {
		return 0, 0, fmt.Errorf("read the marks of message %d: %w", seq, err)
	}
	return marksIn(v), v.rev, nil
}

// mostMarks is more than any message has readers at once.
const mostMarks = 10_000

// marksIn counts what somebody else wrote as none, also where it is a number that
// would keep an episode from ever being condemned.
func marksIn(v value) int {
	marks, err := strconv.Atoi(string(v.data))
	if !v.live || err != nil || marks < 0 || marks > mostMarks {
		return 0
	}
	return marks
}

// clearAttempts removes all marks.
func (b *Bus) clearAttempts(ctx context.Context, gen fit.Generation, seq uint64, only ...jetstream.KVDeleteOpt) error {
	kv, err := b.openBucket(ctx, AttemptsBucket)
	if err != nil {
		return err
	}
	if err := kv.Purge(ctx, attemptKey(gen, seq), only...); err != nil {
		return fmt.Errorf("clear the marks of message %d: %w", seq, err)
	}
	return nil
}

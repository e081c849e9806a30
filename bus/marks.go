package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// An archive may kill the worker that reads it. So before a worker reads an
// episode that was delivered before, it puts a mark into bucket attempts. It
// removes the mark however the work ends, and while the episode waits for another
// try. The marks that stay are those of readers that died.
//
// The delivery count can't serve for this: waiting and handing back raise it, too.
// Nor does the number of marks alone: readers that are only slow have marks, but
// theirs change. So an episode is given up when it has FatalTries marks and nothing
// about them has changed for a whole AckWait.

// FatalTries is how many readers may die of an episode before it is given up.
const FatalTries = 5

// marksUntilAlone is the number of marks from which on an episode is read alone.
// Otherwise episodes that are read at the same time would collect marks for a crash
// that this one causes.
const marksUntilAlone = 2

// maxMarks is higher than the number of marks that an episode ever has.
const maxMarks = 10_000

// errReadersMayBeSlow means that at least FatalTries other readers have marks, and may
// only be slow: wait for an AckWait and look again.
var errReadersMayBeSlow = errors.New("its other readers may only be slow")

// marks are those of one message of the log, as a worker that holds the message
// sees them.
type marks struct {
	bus    *Bus
	gen    fit.Generation
	seq    uint64
	died   int    // marks of other readers, when they were last counted
	placed uint64 // the revision that has our mark; 0 while there is none
}

func (m *marks) subject() string {
	return client.KeySubject(AttemptsBucket, string(m.gen)+"."+strconv.FormatUint(m.seq, 10))
}

// count returns how many marks there are of other readers.
func (m *marks) count(ctx context.Context) (int, error) {
	if m.placed != 0 {
		return m.died, nil
	}
	all, _, err := m.read(ctx)
	return all, err
}

// read returns the number of marks, ours included, and their revision.
func (m *marks) read(ctx context.Context) (all int, revision uint64, err error) {
	v, err := m.bus.LastFromLeader(ctx, client.BucketStream(AttemptsBucket), m.subject())
	if err != nil {
		return 0, 0, fmt.Errorf("read the marks of message %d: %w", m.seq, err)
	}
	return parseMarks(v), v.Revision, nil
}

// place puts our mark. Where there are FatalTries others it returns
// errReadersMayBeSlow, so that the caller waits; if they are still unchanged at the
// next call, their readers are dead and it returns nil.
func (m *marks) place(ctx context.Context) error {
	if m.placed != 0 && m.died >= FatalTries {
		all, revision, err := m.read(ctx)
		if err != nil || revision == m.placed {
			return err
		}
		m.died, m.placed = all-1, revision
		if all == 0 { // another reader has removed all marks, ours included
			m.placed = 0
		}
	}
	if m.placed == 0 {
		var err error
		m.placed, err = m.update(ctx, func(others int) *client.Write {
			m.died = others
			return &client.Write{Data: []byte(strconv.Itoa(others + 1))}
		})
		if err != nil {
			return err
		}
	}
	if m.died >= FatalTries {
		return errReadersMayBeSlow
	}
	return nil
}

// update changes the number of marks.
func (m *marks) update(ctx context.Context, change func(marks int) *client.Write) (revision uint64, err error) {
	revision, err = m.bus.Update(ctx, client.BucketStream(AttemptsBucket), m.subject(), func(have client.Value) (*client.Write, error) {
		return change(parseMarks(have)), nil
	})
	if err != nil {
		return 0, fmt.Errorf("change the marks of message %d: %w", m.seq, err)
	}
	return revision, nil
}

// removeOurs removes our mark. Where that fails, other readers count us as dead.
func (m *marks) removeOurs() {
	m.remove(func(ctx context.Context) error {
		_, err := m.update(ctx, func(marks int) *client.Write {
			switch marks {
			case 0:
				return nil
			case 1:
				return client.Purge()
			}
			return &client.Write{Data: []byte(strconv.Itoa(marks - 1))}
		})
		return err
	})
}

// removeAll removes every mark, since the message is done.
func (m *marks) removeAll() {
	m.remove(func(ctx context.Context) error {
		_, err := m.bus.PublishMsg(ctx, &nats.Msg{Subject: m.subject(), Header: client.Purge().Header})
		return err
	})
}

// keepOurs leaves our mark in the bucket: no later call removes it.
func (m *marks) keepOurs() { m.placed = 0 }

// remove does nothing where we have no mark. It goes on after the context of the
// work has ended.
func (m *marks) remove(do func(context.Context) error) {
	if m.placed == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), client.RequestTimeout)
	defer cancel()
	if err := do(ctx); err != nil {
		m.bus.Log().Warn("remove a mark", logkey.Seq, m.seq, logkey.Err, err)
		return
	}
	m.placed = 0
}

// parseMarks reads the number of marks. A value that is not a number from 0 to
// maxMarks, which another program wrote, counts as 0.
func parseMarks(v client.Value) int {
	marks, err := strconv.Atoi(string(v.Data))
	if !v.Exists || err != nil || marks < 0 || marks > maxMarks {
		return 0
	}
	return marks
}

// markTTL is how long marks are kept.
const markTTL = 24 * time.Hour

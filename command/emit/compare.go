package emit

import (
	"context"
	"iter"

	"github.com/cis490/profiles/fit"
)

// Differences are what a validation file and the log say differently. They must be closed.
type differences struct {
	retract *sorter // assignments that the log accepts and the file does not, as texts
	accept  *sorter // those that the file accepts and the log does not, or whose entries are damaged: the place in the file, then the text
	already *sorter // those that both accept, if they are asked for; else nil
	log     *sorter // what the log accepts, as messages, if it is asked for; else nil

	accepted, alreadyAccepted, damaged int // assignments
	byProfile                          map[fit.ProfileName]int
	retractions                        Retractions
}

func (d *differences) close() {
	for _, s := range []*sorter{d.retract, d.accept, d.already, d.log} {
		s.close()
	}
}

// A comparison goes through log and file at once, both in the order of episodes.
type comparison struct {
	differences
	isDamaged func(assignment) bool
	// Retracted episodes by the status of their last row, see countStatus.
	statuses      map[string]int
	otherStatuses int

	matched bool // the log accepts the present episode of the file as the file does
}

// compare finds the differences of a log and a file. The result may not be nil after an error.
func (c *comparison) compare(log, list *sorter) error {
	next, end := iter.Pull2(episodes(list))
	defer end()
	file := &cursor{next: next}
	if err := file.step(); err != nil {
		return err
	}
	for text, err := range accepted(log) {
		if err != nil {
			return err
		}
		a := assignmentIn(text)
		of := episodeText(a.host, a.episode)
		if err := c.leaveBefore(file, of); err != nil {
			return err
		}
		var row *listed
		if file.more && file.now.episode == of {
			row = &file.now
		}
		if err := c.logged(text, a, row); err != nil {
			return err
		}
	}
	return c.leaveBefore(file, "")
}

// A cursor is a place in the episodes of a file.
type cursor struct {
	next func() (listed, error, bool)
	now  listed
	more bool // false after the last episode
}

// step goes to the next episode.
func (c *cursor) step() (err error) {
	c.now, err, c.more = c.next()
	return err
}

// leaveBefore leaves the episodes of the file before one, or all if it is empty.
func (c *comparison) leaveBefore(file *cursor, episode string) error {
	for file.more && (episode == "" || file.now.episode < episode) {
		if err := c.leave(file.now); err != nil {
			return err
		}
		if err := file.step(); err != nil {
			return err
		}
	}
	return nil
}

// logged takes an assignment that the log accepts. row is what the file says of the episode, or nil.
func (c *comparison) logged(text string, a assignment, row *listed) error {
	c.retractions.Of++
	if c.log != nil {
		if err := c.log.add(logText(a, 0, accepts)); err != nil {
			return err
		}
	}
	switch {
	case row == nil:
		c.retractions.Unlisted++
	case !row.accepted:
		c.countStatus(row.status)
	case row.profile != a.profile:
		c.retractions.Moved++
	default:
		c.matched = true
		return nil
	}
	c.retractions.Count++
	return c.retract.add(text)
}

// leave takes an episode of the file, after what the log says of it.
func (c *comparison) leave(row listed) error {
	matched := c.matched
	c.matched = false
	if row.profile == "" { // it is not accepted
		return nil
	}
	text := row.episode + row.profile
	a := assignmentIn(text)
	c.accepted++
	c.byProfile[fit.ProfileName(a.profile)]++
	if matched {
		c.alreadyAccepted++
		if c.already != nil {
			if err := c.already.add(text); err != nil {
				return err
			}
		}
		if !c.isDamaged(a) {
			return nil
		}
		c.damaged++
	}
	return c.accept.add(numberText(row.first) + text)
}

// compare finds the differences of a log and a file, whose sorters it reads to their end.
func (e *Emitter) compare(ctx context.Context, log, list *sorter) (*differences, error) {
	damaged, err := e.damaged(ctx)
	if err != nil {
		return nil, err
	}
	c := comparison{
		differences: differences{retract: newSorter(ctx), accept: newSorter(ctx), byProfile: map[fit.ProfileName]int{}},
		isDamaged:   damaged, statuses: map[string]int{},
	}
	if e.Uploads != nil {
		c.already = newSorter(ctx)
	}
	if e.following {
		c.log = newSorter(ctx)
	}
	if err := c.compare(log, list); err != nil {
		c.close()
		return nil, err
	}
	c.retractions.Statuses = c.countedStatuses()
	return &c.differences, nil
}

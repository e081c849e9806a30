package emit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// small makes sorters use their temporary files for a few strings already.
func small(t *testing.T) {
	before := chunkLen
	chunkLen = 3
	t.Cleanup(func() { chunkLen = before })
}

// A naive comparison has all in memory.
type naive struct {
	accepted map[assignment]bool // by the log
	rows     map[[2]string]listed
	order    []assignment // accepted by the file, in its order
}

func naiveOf(log []bus.Notice, file sheet) naive {
	n := naive{map[assignment]bool{}, map[[2]string]listed{}, nil}
	for _, m := range log {
		if a := assignmentOf(m); a.wellFormed() && !m.Retracted {
			n.accepted[a] = true
		} else {
			delete(n.accepted, a)
		}
	}
	var first [][2]string
	for _, r := range file {
		id, accepted := [2]string{r.HostID, r.EpisodeID}, r.Status == "accepted"
		if accepted && !slices.Contains(first, id) {
			first = append(first, id)
		}
		n.rows[id] = listed{accepted: accepted, profile: r.Profile, status: r.Status}
	}
	for _, id := range first {
		if a := (assignment{id[0], id[1], n.rows[id].profile}); n.rows[id].accepted && a.wellFormed() {
			n.order = append(n.order, a)
		}
	}
	return n
}

func (n naive) retract() (all []assignment, r Retractions) {
	statuses := map[string]int{}
	r.Of = len(n.accepted)
	for a := range n.accepted {
		switch row, ok := n.rows[[2]string{a.host, a.episode}]; {
		case !ok:
			r.Unlisted++
		case !row.accepted:
			statuses[row.status]++
		case row.profile != a.profile:
			r.Moved++
		default:
			continue
		}
		r.Count++
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b assignment) int {
		return cmp.Or(strings.Compare(a.host, b.host), strings.Compare(a.episode, b.episode), strings.Compare(a.profile, b.profile))
	})
	c := comparison{statuses: statuses}
	r.Statuses = c.countedStatuses()
	return all, r
}

func read(t *rapid.T, s *sorter, skip int) (all []assignment) {
	for part, err := range parts(s, skip) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part...)
	}
	return all
}

// TestCompare compares with a comparison in memory.
func TestCompare(t *testing.T) {
	small(t)
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"a", "ab", "b", "a-", "a.b", "A", "../x", ""})
		var messages []bus.Notice
		log := newSorter(ctx)
		defer log.close()
		for i := range rapid.IntRange(0, 40).Draw(t, "messages") {
			n := bus.Notice{Seq: uint64(i + 1), Host: name.Draw(t, "host"), Episode: name.Draw(t, "id"), Profile: name.Draw(t, "profile"), Retracted: rapid.Bool().Draw(t, "retracted")}
			messages = append(messages, n)
			kind := accepts
			if n.Retracted {
				kind = retracts
			}
			if a := assignmentOf(n); a.wellFormed() {
				if err := log.add(logText(a, n.Seq, kind)); err != nil {
					t.Fatal(err)
				}
			}
		}
		var file sheet
		for range rapid.IntRange(0, 40).Draw(t, "rows") {
			file.add(name.Draw(t, "host"), name.Draw(t, "id"), name.Draw(t, "profile"), rapid.SampledFrom([]string{"accepted", "Accepted", "no", ""}).Draw(t, "status"))
		}
		e := &Emitter{Rows: file.rows()}
		list, _, err := e.readList(ctx)
		defer list.close()
		if err != nil {
			t.Fatal(err)
		}
		c := comparison{
			differences: differences{newSorter(ctx), newSorter(ctx), newSorter(ctx), newSorter(ctx), 0, 0, 0, map[fit.ProfileName]int{}, Retractions{}},
			isDamaged:   func(a assignment) bool { return a.host == "b" }, statuses: map[string]int{},
		}
		defer c.close()
		if err := c.compare(log, list); err != nil {
			t.Fatal(err)
		}
		c.retractions.Statuses = c.countedStatuses()

		n := naiveOf(messages, file)
		retract, why := n.retract()
		var accept, already []assignment
		for _, a := range n.order {
			if n.accepted[a] {
				already = append(already, a)
			}
			if !n.accepted[a] || a.host == "b" {
				accept = append(accept, a)
			}
		}
		if got := read(t, c.retract, 0); !slices.Equal(got, retract) || fmt.Sprint(c.retractions) != fmt.Sprint(why) {
			t.Fatalf("retracts %q, %+v\nwant %q, %+v", got, c.retractions, retract, why)
		}
		if got := read(t, c.accept, numberLen); !slices.Equal(got, accept) {
			t.Fatalf("accepts %q, want %q", got, accept)
		}
		got := read(t, c.already, 0)
		if len(got) != len(already) || c.accepted != len(n.order) || c.alreadyAccepted != len(already) {
			t.Fatalf("%d of %d already: %q, want %q", c.alreadyAccepted, c.accepted, got, already)
		}
		var known []string
		for text, err := range accepted(c.log) {
			if err != nil {
				t.Fatal(err)
			}
			known = append(known, text)
		}
		var texts []string
		for a := range n.accepted {
			texts = append(texts, a.text())
		}
		slices.Sort(texts)
		if !slices.Equal(known, texts) {
			t.Fatalf("the log accepts %q, want %q", known, texts)
		}
		byProfile := map[fit.ProfileName]int{}
		for _, a := range n.order {
			byProfile[fit.ProfileName(a.profile)]++
		}
		if !maps.Equal(c.byProfile, byProfile) {
			t.Fatalf("%v, want %v", c.byProfile, byProfile)
		}
	})
}

// TestReadsOnlyNewMessages: an emitter that follows a file reads the log once, and then only what is
// new; unless the log is another one, or has lost messages.
func TestReadsOnlyNewMessages(t *testing.T) {
	ctx, srv := bustest.Context(t), bustest.Start(t)
	b := srv.Topology()
	nc := srv.JetStream().Conn()
	requests := make(chan *nats.Msg, 1000)
	sub, err := nc.ChanSubscribe(b.APISubject("DIRECT.GET."+bus.EpisodesStream), requests)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	// asked returns the sequences from which batches of the log were asked since the last call.
	asked := func() (from []uint64) {
		if err := nc.FlushWithContext(ctx); err != nil { // then all requests are in the channel
			t.Fatal(err)
		}
		for len(requests) > 0 {
			var question struct{ Seq, Batch uint64 }
			if err := json.Unmarshal((<-requests).Data, &question); err == nil && question.Batch > 0 {
				from = append(from, question.Seq)
			}
		}
		return from
	}
	var file sheet
	for i := range 20 {
		file.add("h", fmt.Sprint(i), "a", "accepted")
	}
	e := &Emitter{Bus: b, Rows: file.rows(), following: true}
	defer e.log.forget()
	expect := func(step string, published, retracted, accepted int, from ...uint64) {
		t.Helper()
		s, err := e.Reconcile(ctx)
		if err != nil || s.Published != published || s.Retracted != retracted {
			t.Fatalf("%s: %+v, %v", step, s, err)
		}
		if have := asked(); !slices.Equal(have, from) {
			t.Errorf("%s: the log was read from %d, want %d", step, have, from)
		}
		if have := naiveOf(logNotices(t, b), nil).accepted; len(have) != accepted {
			t.Errorf("%s: the log accepts %d, want %d", step, len(have), accepted)
		}
		asked() // by logNotices
	}
	expect("an empty log", 20, 0, 20)
	expect("its own messages", 0, 0, 20, 1)
	for _, n := range []bus.Notice{{Host: "h", Episode: "x", Profile: "a"}, {Host: "h", Episode: "3", Profile: "a", Retracted: true}} {
		n.At = time.Now()
		if _, err := b.Publish(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	expect("two new messages", 1, 1, 20, 20)
	file[5].Status = "no"
	expect("the list changed", 0, 1, 19, 22)
	e.log.last.Episode = "other"
	expect("another log", 0, 0, 19, 24, 1)
	e.log.known.close()
	e.log.known = newSorter(ctx)       // as if the log had accepted nothing: shows that it is not read again
	expect("nothing known", 19, 0, 19) // the only message to read is the last one, which the leader sends by itself
	stream, err := b.Stream(ctx, bus.EpisodesStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(ctx, 7); err != nil {
		t.Fatal(err)
	}
	expect("a message was lost", 0, 0, 19, 1)
}

func logNotices(t *testing.T, b *bus.Bus) (all []bus.Notice) {
	t.Helper()
	if _, err := b.ReadLog(bustest.Context(t), func(n bus.Notice) error { all = append(all, n); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

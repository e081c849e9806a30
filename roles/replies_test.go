package roles_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/roles"
)

// trusted are the roles whose keys never leave the system: docs/SECURITY.md says what
// each of them could do by a reply subject. All others are tried here.
var trusted = []string{"worker", "streamer", "operator"}

// apart returns the roles that nobody has to trust.
func apart() []roles.Role {
	return slices.DeleteFunc(ours(), func(r roles.Role) bool { return slices.Contains(trusted, r.Name) })
}

const messagesOfEach = 12 // in each stream that the tests below fill

// A filled server has messages in every stream.
type filled struct {
	*bustest.Secure
	t  *testing.T
	js jetstream.JetStream // of the operator
}

// fill makes all streams and the bucket of archives, and stores messages in each, as the
// roles that may.
func fill(t *testing.T) *filled {
	t.Helper()
	f := &filled{Secure: bustest.StartSecure(t), t: t}
	makeTopology(t, f.Secure)
	fails := func(err error) { t.Error(err) }
	js, err := jetstream.New(f.Dial("operator", fails))
	if err != nil {
		t.Fatal(err)
	}
	f.js = js
	if _, err := js.CreateStream(bustest.Context(t), jetstream.StreamConfig{
		Name: "OBJ_episodes", Subjects: []string{"$O.episodes.C.>", "$O.episodes.M.>"}, AllowRollup: true, AllowDirect: true,
	}); err != nil {
		t.Fatal(err)
	}
	for role, subjects := range map[string][]string{
		"receiver-upload": {"episode.accepted", "$O.episodes.M.%d", "$O.episodes.C.%d"},
		"worker":          {"episode.rejected.%d", "episode.suspect.%d", "$KV.curves.g.p.%d", "$KV.specs.%d", "$KV.envelopes.g.%d", "$KV.signatures.g.p.%d", "$KV.attempts.g.%d"},
		"streamer":        {"dashboard.a.%d"},
	} {
		nc := f.Dial(role, fails)
		for _, subject := range subjects {
			for i := range messagesOfEach {
				if strings.Contains(subject, "%") {
					f.stores(nc, fmt.Sprintf(subject, i))
				} else {
					f.stores(nc, subject)
				}
			}
		}
	}
	return f
}

// stores publishes a message that is no value of the project, and waits until it is stored.
func (f *filled) stores(nc *nats.Conn, subject string) {
	f.t.Helper()
	answer, err := nc.RequestWithContext(bustest.Context(f.t), subject, []byte(`{"forged": true}`))
	if err != nil || strings.Contains(string(answer.Data), "error") {
		f.t.Fatalf("publish %s: %v", subject, err)
	}
}

// A content is how many messages a stream has, and how many it ever stored.
type content struct{ last, messages uint64 }

func (f *filled) contents() map[string]content {
	f.t.Helper()
	all := map[string]content{}
	lister := f.js.ListStreams(bustest.Context(f.t))
	for info := range lister.Info() {
		all[info.Config.Name] = content{info.State.LastSeq, info.State.Msgs}
	}
	if err := lister.Err(); err != nil || len(all) != 10 {
		f.t.Fatalf("%d streams, %v", len(all), err)
	}
	return all
}

// requests returns what a client may ask at a subject of its grants.
func requests(pattern string) []string {
	subject := strings.TrimPrefix(pattern, "$JS.API.")
	switch {
	case strings.HasPrefix(subject, "DIRECT.GET.OBJ_episodes.$O."):
		return []string{""}
	case strings.HasPrefix(subject, "DIRECT.GET."):
		return []string{`{"seq": 1}`, `{"seq": 1, "batch": 3}`, `{"seq": 1000}`, `{"last_by_subj": ">"}`}
	case strings.HasPrefix(subject, "STREAM.MSG.GET."):
		return []string{`{"seq": 1}`, `{"seq": 1000}`}
	case strings.HasPrefix(subject, "STREAM.PURGE."):
		return []string{`{"filter": "$O.episodes.C.none"}`}
	case strings.HasPrefix(pattern, "$JS.API."):
		return []string{""}
	}
	return []string{`{"mine": true}`}
}

// streamOf returns the stream that stores a subject, or nothing.
func streamOf(subject string) string {
	for prefix, stream := range map[string]string{
		"episode.accepted": "EPISODES", "episode.retracted": "EPISODES", "episode.rejected.": "REJECTED", "episode.suspect.": "SUSPECTS",
		"dashboard.": "DASHBOARD", "$O.episodes.": "OBJ_episodes",
	} {
		if strings.HasPrefix(subject, prefix) {
			return stream
		}
	}
	if rest, ok := strings.CutPrefix(subject, "$KV."); ok {
		bucket, _, _ := strings.Cut(rest, ".")
		return "KV_" + bucket
	}
	return ""
}

// TestRepliesStayApart: every role sends every request that it may, and names as reply
// subject, and as the subject to which the server sends a trace of the message, everything
// that it may not publish to. Nothing is stored but what the role itself publishes.
func TestRepliesStayApart(t *testing.T) {
	f := fill(t)
	for _, role := range apart() {
		t.Run(role.Name, func(t *testing.T) {
			f := &filled{f.Secure, t, f.js}
			before := f.contents()
			var foreign []string
			for _, subject := range publishes() {
				if !strings.ContainsAny(subject, "*>") && !covered(role.Publish(), subject) {
					foreign = append(foreign, subject)
				}
			}
			nc := f.Dial(role.Name, func(error) {}) // some reply subjects are refused
			sent := 0
			for _, pattern := range role.Publish() {
				subject := concrete(pattern)
				for _, data := range requests(pattern) {
					for _, reply := range foreign {
						msgs := []*nats.Msg{{Subject: subject, Reply: reply, Data: []byte(data)}}
						if data == "" || strings.Contains(data, "mine") {
							msgs = append(msgs, &nats.Msg{Subject: subject, Data: []byte(data), Header: nats.Header{"Nats-Trace-Dest": {reply}, "Nats-Trace-Only": {"true"}}})
						}
						for _, msg := range msgs {
							if err := nc.PublishMsg(msg); err != nil {
								t.Fatal(err)
							}
							sent++
						}
						if sent%1000 == 0 { // let the server answer
							if err := nc.FlushWithContext(bustest.Context(t)); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
			}
			f.answered(nc, role)
			after := f.settled()
			for name, have := range after {
				own := uint64(0)
				for _, pattern := range role.Publish() {
					if streamOf(pattern) == name {
						own += uint64(len(foreign)) + 1 // one for each reply subject, one of answered
					}
				}
				// Some of the role's own messages are refused, because the server takes no
				// message with a reply subject of its own kind.
				if stored := have.last - before[name].last; stored > own+1 || have.messages < before[name].messages {
					t.Errorf("%s stored %d messages, of which %s may publish %d; it has %d, before %d", name, stored-1, role.Name, own, have.messages, before[name].messages)
				}
			}
			t.Logf("%d requests, %d reply subjects", sent, len(foreign))
		})
	}
}

// answered waits until the server has answered all requests that were sent before.
func (f *filled) answered(nc *nats.Conn, role roles.Role) {
	f.t.Helper()
	for _, pattern := range role.Publish() {
		if _, err := nc.RequestWithContext(bustest.Context(f.t), concrete(pattern), []byte(requests(pattern)[0])); err != nil && err != nats.ErrNoResponders {
			f.t.Fatalf("%s: %v", pattern, err)
		}
	}
}

// settled stores one more message in each stream, after all that came before, and returns
// what they have then.
func (f *filled) settled() map[string]content {
	f.t.Helper()
	for role, subjects := range map[string][]string{
		"receiver-upload": {"episode.accepted", "$O.episodes.M.0"},
		"worker":          {"episode.rejected.0", "episode.suspect.0", "$KV.curves.g.p.0", "$KV.specs.0", "$KV.envelopes.g.0", "$KV.signatures.g.p.0", "$KV.attempts.g.0"},
		"streamer":        {"dashboard.a.0"},
	} {
		nc := f.Dial(role, func(err error) { f.t.Error(err) })
		for _, subject := range subjects {
			f.stores(nc, subject)
		}
	}
	return f.contents()
}

// TestOneAnswer: each request of a role has one answer, and a batch of ten comes whole.
func TestOneAnswer(t *testing.T) {
	f := fill(t)
	for _, role := range apart() {
		nc := f.Dial(role.Name, func(err error) { t.Error(err) })
		for _, pattern := range role.Publish() {
			want, question := 1, requests(pattern)[0]
			if strings.Contains(question, "{") && strings.Contains(pattern, "DIRECT.GET.") {
				want, question = 11, `{"seq": 1, "batch": 10}` // and its end
			}
			inbox := nc.NewInbox()
			answers, err := nc.SubscribeSync(inbox)
			if err != nil {
				t.Fatal(err)
			}
			if err := nc.PublishRequest(concrete(pattern), inbox, []byte(question)); err != nil {
				t.Fatal(err)
			}
			for range want {
				answer, err := answers.NextMsgWithContext(bustest.Context(t))
				if err != nil {
					t.Fatalf("%s asks %s: %v", role.Name, pattern, err)
				}
				if text := string(answer.Data); strings.Contains(text, "not enabled") || strings.Contains(text, `"error":`) && !strings.Contains(text, "consumer not found") {
					t.Errorf("%s asks %s and gets %s", role.Name, pattern, text)
				}
			}
			// A second answer would have come before that of a later request.
			if _, err := nc.RequestWithContext(bustest.Context(t), concrete(pattern), []byte(question)); err != nil {
				t.Errorf("%s asks %s: %v", role.Name, pattern, err)
			}
			if n, _, err := answers.Pending(); n != 0 || err != nil {
				t.Errorf("%s asks %s: %d answers more, %v", role.Name, pattern, n, err)
			}
		}
	}
}

// TestHeadersArriveAsSent: a message of another account is stored with its headers and no
// others, and once for each message id.
func TestHeadersArriveAsSent(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	js, err := jetstream.New(srv.Dial("receiver", func(err error) { t.Error(err) }))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		msg := &nats.Msg{Subject: "episode.accepted", Data: []byte("{}"), Header: nats.Header{"Nats-Msg-Id": {"x"}, "Mine": {"a", "b"}}}
		if ack, err := js.PublishMsg(bustest.Context(t), msg); err != nil || ack.Sequence != 1 || ack.Duplicate != (i == 1) {
			t.Errorf("%+v, %v", ack, err)
		}
	}
	viewer := srv.ConnectAs("viewer", bustest.Log(t))
	msg, found, err := viewer.LastMsgFromLeader(bustest.Context(t), bus.EpisodesStream, ">")
	want := nats.Header{"Nats-Msg-Id": {"x"}, "Mine": {"a", "b"}}
	if !found || err != nil || !maps.EqualFunc(msg.Header, want, slices.Equal) {
		t.Errorf("%v, %v", msg.Header, err)
	}
}

// TestReadsLeaveNothing: the server's memory does not grow with reads by other accounts.
func TestReadsLeaveNothing(t *testing.T) {
	f := fill(t)
	reads := 200_000
	if testing.Short() {
		reads = 15_000
	}
	nc := f.Dial("viewer", func(err error) { t.Error(err) })
	ctx := bustest.Context(t)
	// Like a client of the NATS library: one subscription for the answers of all requests.
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox + ".*")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(n int) {
		const window = 500 // requests that wait for their answers
		for i := range n + window {
			if i < n {
				if err := nc.PublishRequest("$JS.API.DIRECT.GET.EPISODES", fmt.Sprint(inbox, ".", i), []byte(`{"seq": 1}`)); err != nil {
					t.Fatal(err)
				}
			}
			if i >= window {
				if _, err := answers.NextMsgWithContext(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	objects := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapObjects)
	}
	ask(5_000) // until the server's tables have their size
	before, began := objects(), time.Now()
	ask(reads)
	took := time.Since(began)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for left := objects() - before; left > reads/2; left = objects() - before { // a read that stays has several
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d reads took %s and left %d objects", reads, took, left)
		}
	}
	t.Logf("%d reads took %s", reads, took)
}

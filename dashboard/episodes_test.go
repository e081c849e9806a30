package dashboard_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/credentials"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// A fitted system has entries in bucket curves, stored by a worker, and the event of their envelope.
type fitted struct {
	t      *testing.T
	gen    bus.Generation
	curves *bus.Curves
	worker *bus.Bus
	events *bus.Bus // the streamer's
	seq    uint64
}

const shownProfile = "io-walk"

// newFitted uses connections of a worker and of a streamer; the topology must be there.
func newFitted(t *testing.T, worker, streams *bus.Bus) *fitted {
	t.Helper()
	return newFittedOf(t, worker, streams, 30)
}

func newFittedOf(t *testing.T, worker, streams *bus.Bus, target int) *fitted {
	t.Helper()
	spec := fit.DefaultSpec()
	spec.Target = target
	gen, curves, end := bustest.Curves(t, worker, spec)
	t.Cleanup(end)
	return &fitted{t: t, gen: gen, curves: curves, worker: worker, events: streams}
}

// entry is that of episode number i: its curve is i at each point but the first, which is a gap.
func (f *fitted) entry(host, episode string, i int) fit.Entry {
	curve := slices.Repeat(fit.Curve{float64(i)}, f.gen.Spec.Points.Total())
	curve[0] = math.NaN()
	return fit.Entry{Host: host, Episode: episode, State: fit.StateCurve, Curve: curve, Seconds: fit.Seconds{10, 2, 3, 25, 5.5}}
}

func (f *fitted) put(e fit.Entry) {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	f.seq++
	e.Seq = f.seq
	id := bus.EntryID{Profile: shownProfile, Rank: f.gen.Spec.Rank(e.Host, e.Episode)}
	if err := bustest.PutEntry(ctx, f.curves, id, e, 0, time.Time{}); err != nil {
		f.t.Fatal(err)
	}
	if err := f.curves.Reached(ctx, f.seq, time.Minute); err != nil {
		f.t.Fatal(err)
	}
}

// publish publishes the event of the present envelope, and returns its digest.
func (f *fitted) publish() fit.Digest {
	f.t.Helper()
	r, err := f.curves.Reduce(shownProfile)
	if err != nil {
		f.t.Fatal(err)
	}
	event, err := streamer.NewAttackProfile(f.gen, bus.Envelope{Profile: shownProfile, Envelope: r.Envelope, Revision: f.seq, Incarnation: "e"})
	if err != nil {
		f.t.Fatal(err)
	}
	f.store(events.TypeAttackProfile, event)
	return event.Digest
}

func (f *fitted) store(kind string, event any) {
	f.t.Helper()
	data, err := json.Marshal(event)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.events.JetStream().Publish(bustest.Context(f.t), events.Subject(kind, shownProfile), data); err != nil {
		f.t.Fatal(err)
	}
}

// A list is the answer of api/profiles/{name}/episodes.
type list struct {
	Profile, Generation, Digest, Channel, Unit string
	Current                                    bool
	N                                          int
	LeftOut                                    int `json:"left_out"`
	Phases                                     []struct{ Name string }
	Episodes                                   []listed
}

type listed struct {
	Host, Episode string
	Curve         []*float64
	Seconds       []float64
	Quality       map[string]float64
	LooksLike     string `json:"looks_like"`
	Unusual       *struct {
		Outside, Point   int
		Value, Low, High *float64
		Reason           string
	}
}

func (l list) names() (all []string) {
	for _, e := range l.Episodes {
		all = append(all, e.Host+"/"+e.Episode)
	}
	return all
}

const episodesPath = "api/profiles/" + shownProfile + "/episodes"

// list asks for the episodes until the sample has that digest: the event may not have reached the bridge yet.
func (b *bridge) list(digest fit.Digest) (l list) {
	b.t.Helper()
	b.until("the episodes of the sample "+string(digest), func() bool {
		res, text := b.do(http.MethodGet, episodesPath, "")
		if res.StatusCode == http.StatusNotFound {
			return false // the first event has not come yet
		}
		l = list{}
		if err := json.Unmarshal([]byte(text), &l); err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
			b.t.Fatalf("%s %v: %.300s", res.Status, res.Header, text)
		}
		return l.Current && l.Digest == string(digest)
	})
	return l
}

// startSecure starts a server with accounts and all streams.
func startSecure(t *testing.T, dir string) *bustest.Secure {
	t.Helper()
	srv := bustest.StartSecureWith(t, dir)
	cfg := srv.Config("operator")
	cfg.Topology = client.TopologyCreate
	operator, err := bus.Connect(cfg, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if err := errors.Join(operator.Ready(bustest.Context(t)), operator.EnsureTopology(bustest.Context(t))); err != nil {
		t.Fatal(err)
	}
	return srv
}

// TestEpisodes: with the accounts of profiles credentials, a dashboard sends the sample of a profile as JSON and as CSV, with the
// marks of the streamer's events, and follows it.
func TestEpisodes(t *testing.T) {
	t.Parallel()
	srv := startSecure(t, bustest.Credentials(t))
	f := newFitted(t, srv.ConnectAs("worker", bustest.Log(t)), srv.ConnectAs("streamer", bustest.Log(t)))
	b := startBridgeWith(t, srv.Config("dashboard"), "127.0.0.1:0", dashboard.Config{}).ready()
	if res, text := b.do(http.MethodGet, episodesPath, ""); res.StatusCode != http.StatusNotFound || text != "there is no profile io-walk\n" {
		t.Errorf("without an event: %s %s", res.Status, text)
	}
	if l := b.list(f.publish()); l.N != 0 || l.Episodes == nil {
		t.Errorf("an empty sample: %+v", l)
	}
	for i := range 25 {
		e := f.entry(fmt.Sprint("lab-", i%3), fmt.Sprint("ep-", i), i)
		if i == 24 {
			e.Host, e.Quality = `=HYPERLINK("x"),`, fit.Quality{Restarts: 3, Longest: 2.5}
		}
		f.put(e)
	}
	bad := fit.Entry{Host: "lab-0", Episode: "ep-bad", State: fit.StateReason, Reason: "no_armed"}
	f.put(bad)
	digest := f.publish()
	l := b.list(digest)
	if l.N != 25 || len(l.Episodes) != 25 || l.LeftOut != 0 || l.Profile != shownProfile || l.Generation != string(f.gen.ID) || l.Unit != "jiffies/s" || l.Channel == "" || len(l.Phases) != 5 {
		t.Errorf("%d of %d episodes, %+v", len(l.Episodes), l.N, l.Phases)
	}
	at := slices.Index(l.names(), `=HYPERLINK("x"),/ep-24`)
	if at < 0 {
		t.Fatalf("the episodes are %q", l.names())
	}
	if e := l.Episodes[at]; len(e.Curve) != 80 || e.Curve[0] != nil || *e.Curve[1] != 24 || !slices.Equal(e.Seconds, []float64{10, 2, 3, 25, 5.5}) ||
		len(e.Quality) != 2 || e.Quality["restarts"] != 3 || e.Quality["longest_gap"] != 2.5 || e.Unusual != nil || e.LooksLike != "" {
		t.Errorf("%+v", e)
	}

	// The marks of later events stand in the answer, although the sample is the same.
	f.store(events.TypeSuspects, map[string]any{"type": "suspects", "name": shownProfile, "n": 1, "episodes": []any{
		map[string]any{"host_id": "lab-1", "episode_id": "ep-1", "profile": shownProfile, "looks_like": "bursty-c2"}}})
	f.store(events.TypeAttackSignature, map[string]any{"type": "attack_signature", "name": shownProfile, "n_used": 25, "outliers": []any{
		map[string]any{"host": `=HYPERLINK("x"),`, "episode": "ep-24", "outside": 79, "point": 1, "value": 24, "low": -2.5, "high": 20.25}}})
	b.until("the marks", func() bool {
		l = b.list(digest)
		return l.Episodes[at].Unusual != nil && l.Episodes[slices.Index(l.names(), "lab-1/ep-1")].LooksLike == "bursty-c2"
	})
	const reason = "outside of the usual range at 79 of 80 points, farthest at point 2: 24 is above 20.25"
	if u := l.Episodes[at].Unusual; u.Reason != reason || u.Outside != 79 || u.Point != 1 || *u.Value != 24 || *u.Low != -2.5 || *u.High != 20.25 {
		t.Errorf("%+v", u)
	}

	res, text := b.do(http.MethodGet, episodesPath+"?format=csv", "")
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) != 26 || res.Header.Get("Content-Type") != "text/csv; charset=utf-8" || res.Header.Get("Content-Disposition") != `attachment; filename="io-walk-episodes.csv"` {
		t.Fatalf("%d records, %v, %v", len(records), err, res.Header)
	}
	want := map[string]string{
		"host": `'=HYPERLINK("x"),`, "episode": "ep-24", "looks_like": "", "unusual": reason, "restarts": "3", "jumps": "0", "longest_gap": "2.5",
		"seconds_clean_lead": "10", "seconds_clean_tail": "5.5", "point_1": "", "point_2": "24", "point_80": "24",
	}
	for column, value := range want {
		k := slices.Index(records[0], column)
		if k < 0 || records[at+1][k] != value {
			t.Errorf("column %s (%d) of %q, want %q", column, k, records[at+1], value)
		}
	}

	// Unusual episodes are named from 20 on.
	for _, e := range slices.Delete(l.Episodes, at, at+1)[:6] {
		retract(f, e.Host, e.Episode)
	}
	if l := b.list(f.publish()); l.N != 19 || slices.ContainsFunc(l.Episodes, func(e listed) bool { return e.Unusual != nil }) {
		t.Errorf("of %d episodes, one is unusual", l.N)
	}

	for path, want := range map[string]string{
		"api/profiles/nothing/episodes": "404 there is no profile nothing\n", "api/profiles/a%2Fb%0A/episodes": "404 there is no profile \"a/b\\n\"\n",
		episodesPath + "?format=xml": "400 format must be json or csv\n",
	} {
		if res, text := b.do(http.MethodGet, path, ""); fmt.Sprint(res.StatusCode, " ", text) != want {
			t.Errorf("%s: %s %s", path, res.Status, text)
		}
	}
	b.post(`{"type":"attack_profile","name":"posted","curve":[0,1],"generation":"` + string(f.gen.ID) + `"}`)
	b.until("the posted profile", func() bool {
		_, text := b.do(http.MethodGet, "api/profiles/posted/episodes", "")
		return text == "the episodes of posted are not known: its event does not come from a streamer\n"
	})

	srv.Stop()
	b.until("the server to be away", func() bool {
		res, text := b.do(http.MethodGet, "api/profiles/"+shownProfile+"/episodes", "")
		return res.StatusCode == http.StatusServiceUnavailable && text == "NATS is not reachable: ask again later\n" && res.Header.Get("Retry-After") == "5"
	})
}

func retract(f *fitted, host, episode string) {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	f.seq++
	id := bus.EntryID{Profile: shownProfile, Rank: f.gen.Spec.Rank(host, episode)}
	have, err := f.curves.Read(ctx, id)
	if err == nil {
		err = bustest.PutEntry(ctx, f.curves, id, fit.Entry{Seq: f.seq, Host: host, Episode: episode, State: fit.StateRetracted, HadCurve: true}, have.Revision, time.Time{})
	}
	if err == nil {
		err = f.curves.Reached(ctx, f.seq, time.Minute)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// TestEpisodesWithoutTheRight: with an accounts.conf of an earlier version, the answer says what to do, and all else works.
func TestEpisodesWithoutTheRight(t *testing.T) {
	t.Parallel()
	dir := bustest.Credentials(t)
	path := filepath.Join(dir, credentials.Accounts)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(text), "{ # dashboard")
	after = strings.Replace(after, `"$JS.API.DIRECT.GET.KV_curves"`, `"$JS.API.DIRECT.GET.DASHBOARD"`, 1)
	after = strings.Replace(after, `{ service: { account: PROFILES, subject: "$JS.API.DIRECT.GET.KV_curves" } }`, "", 1)
	if err := os.WriteFile(path, []byte(before+"{ # dashboard"+after), 0o600); err != nil || !found {
		t.Fatal(err)
	}
	srv := startSecure(t, dir)
	f := newFitted(t, srv.ConnectAs("worker", bustest.Log(t)), srv.ConnectAs("streamer", bustest.Log(t)))
	b := startBridgeWith(t, srv.Config("dashboard"), "127.0.0.1:0", dashboard.Config{}).ready()
	f.put(f.entry("lab-1", "ep-1", 1))
	f.publish()
	b.eventCame()
	res, body := b.do(http.MethodGet, episodesPath, "")
	const want = `this dashboard may not read the episodes of profiles: its role in NATS lacks the right "read samples"; make accounts.conf again with profiles credentials, and let the NATS servers reload it`
	if res.StatusCode != http.StatusServiceUnavailable || body != want+"\n" {
		t.Errorf("%s %s", res.Status, body)
	}
	b.post(`{"type":"model_metric","model":"m","metric":1}`)
	if err := b.d.Ready(); err != nil {
		t.Error(err)
	}
}

// eventCame waits until the bridge has the event of the profile.
func (b *bridge) eventCame() {
	b.t.Helper()
	b.until("the event", func() bool {
		_, text := b.do(http.MethodGet, "api/events?type=attack_profile", "")
		return strings.Contains(text, `"attack_profile"`)
	})
}

// TestEpisodesAreReadOnce: browsers that ask at once cost one read, a sample that is kept costs none, and one that changed costs
// the entries that were stored since.
func TestEpisodesAreReadOnce(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	f := newFitted(t, srv.Connect(), srv.Connect())
	for i := range 10 {
		f.put(f.entry("lab-1", fmt.Sprint("ep-", i), i))
	}
	asked, err := srv.JetStream().Conn().SubscribeSync("$JS.API.DIRECT.GET.KV_curves")
	if err != nil {
		t.Fatal(err)
	}
	from := func() (sequences []uint64) {
		t.Helper()
		if err := srv.JetStream().Conn().FlushWithContext(bustest.Context(t)); err != nil {
			t.Fatal(err)
		}
		for {
			n, _, err := asked.Pending()
			if n == 0 || err != nil {
				return sequences
			}
			msg, err := asked.NextMsgWithContext(bustest.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			var question struct{ Seq uint64 }
			if err := json.Unmarshal(msg.Data, &question); err != nil {
				t.Fatal(err)
			}
			sequences = append(sequences, question.Seq)
		}
	}
	b := startBridge(t, srv, dashboard.Config{}).ready()
	f.publish()
	b.eventCame()
	var browsers sync.WaitGroup
	for range 20 {
		browsers.Go(func() {
			if res, text := b.do(http.MethodGet, episodesPath, ""); res.StatusCode != http.StatusOK {
				t.Errorf("%s %s", res.Status, text)
			}
		})
	}
	browsers.Wait()
	if got := from(); !slices.Equal(got, []uint64{1}) {
		t.Errorf("20 browsers: reads from %v", got)
	}
	f.put(f.entry("lab-2", "ep-new", 77))
	if l := b.list(f.publish()); l.N != 11 {
		t.Errorf("%d episodes", l.N)
	}
	if got := from(); len(got) == 0 || slices.ContainsFunc(got, func(seq uint64) bool { return seq != 11 && seq != 12 }) {
		t.Errorf("after a change: reads from %v", got)
	}
}

// TestEpisodesWithoutTheBucket: nobody answers for a bucket that is gone.
func TestEpisodesWithoutTheBucket(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	f := newFitted(t, srv.Connect(), srv.Connect())
	f.put(f.entry("lab-1", "ep-1", 1))
	b := startBridge(t, srv, dashboard.Config{}).ready()
	f.publish()
	b.eventCame()
	if err := srv.JetStream().DeleteStream(bustest.Context(t), "KV_curves"); err != nil {
		t.Fatal(err)
	}
	if res, text := b.do(http.MethodGet, episodesPath, ""); res.StatusCode != http.StatusServiceUnavailable || text != "NATS did not send the episodes in time: ask again later\n" {
		t.Errorf("without the stream: %s %s", res.Status, text)
	}
}

// TestManyEpisodes: of a sample of more than 500 episodes the answer has 500: the marked ones, and those of lowest rank.
func TestManyEpisodes(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	f := newFittedOf(t, srv.Connect(), srv.Connect(), 1000)
	highest := fit.Rank{}
	marked := ""
	for i := range 510 {
		e := f.entry("lab-1", fmt.Sprint("ep-", i), i)
		if rank := f.gen.Spec.Rank(e.Host, e.Episode); rank.Compare(highest) > 0 {
			highest, marked = rank, e.Episode
		}
		f.put(e)
	}
	f.store(events.TypeSuspects, map[string]any{"type": "suspects", "name": shownProfile, "n": 1, "episodes": []any{
		map[string]any{"host_id": "lab-1", "episode_id": marked, "profile": shownProfile, "looks_like": "bursty-c2"}}})
	b := startBridge(t, srv, dashboard.Config{}).ready()
	l := b.list(f.publish())
	if l.N != 510 || l.LeftOut != 10 || len(l.Episodes) != 500 {
		t.Errorf("%d of %d episodes, %d left out", len(l.Episodes), l.N, l.LeftOut)
	}
	ranks := make([]string, 0, len(l.Episodes))
	for _, e := range l.Episodes {
		ranks = append(ranks, f.gen.Spec.Rank(e.Host, e.Episode).String())
	}
	if last := l.Episodes[len(l.Episodes)-1]; last.Episode != marked || last.LooksLike == "" || !slices.IsSorted(ranks) {
		t.Errorf("the last is %s, marked is %s; by rank: %t", last.Episode, marked, slices.IsSorted(ranks))
	}
}

package roles_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/command/credentials"
	"github.com/cis490/profiles/roles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forbidden are subjects that no role but that of the servers' operators may publish or
// subscribe to.
var forbidden = []string{
	">", "$SYS.>", "$SYS.REQ.SERVER.PING", "$JS.>", "$JS.API.>", "$JS.ACK.>", "$KV.>", "$O.>",
	"$JS.API.ACCOUNT.PURGE.PROFILES", "$JS.API.META.LEADER.STEPDOWN", "$JS.API.STREAM.CREATE.OTHER", "$JS.API.STREAM.RESTORE.EPISODES",
	"$JS.API.STREAM.SNAPSHOT.EPISODES", "$JS.API.STREAM.MSG.DELETE.EPISODES", "$JS.API.CONSUMER.DURABLE.CREATE.EPISODES.x",
	"$JS.API.CONSUMER.CREATE.OTHER.x", "$JS.FC.EPISODES.x.y", "$JS.EVENT.ADVISORY.x",
	"_INBOX.x", "_INBOX.>", "_R_.x",
	"episode", "episode.>", "episode.*", "episode.other", "episode.accepted.x", "dashboard",
	"$KV.curves", "$KV.other.x", "$KV.curves.a.b.c.d", "$KV.specs.a.b", "$O.other.M.x",
}

// restricted are subjects that only some roles may have.
var restricted = []string{"_INBOX_worker.x.y", "_INBOX_receiver.>", "dashboard.x", "dashboard.x.y.z"}

// concrete replaces the wildcards of a pattern by tokens.
func concrete(pattern string) string {
	tokens := strings.Split(pattern, ".")
	for i, t := range tokens {
		switch t {
		case "*":
			tokens[i] = "x"
		case ">":
			tokens[i] = "x.y"
		}
	}
	return strings.Join(tokens, ".")
}

// publishes returns every subject that a role may publish to, and the forbidden
// ones.
func publishes() []string {
	all := slices.Concat(forbidden, restricted)
	for _, r := range ours() {
		for _, p := range r.Publish() {
			all = append(all, concrete(p))
		}
		all = append(all, r.Inbox()+".x")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// subscribes returns the same for subscriptions.
func subscribes() []string {
	all := publishes()
	for _, r := range ours() {
		all = append(all, r.Subscribe()...)
		all = append(all, r.Publish()...)
		all = append(all, r.Inbox(), r.Inbox()+".*", strings.Replace(r.Inbox(), "_INBOX_", "_INBOX_*", 1)+".>")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ours returns every role but that of the servers' operators.
func ours() []roles.Role {
	return slices.DeleteFunc(roles.All(), func(r roles.Role) bool { return r.Account == roles.System })
}

func covered(patterns []string, subject string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return roles.Covers(p, subject) })
}

var refusal = regexp.MustCompile(`(Publish|Subscription) to "([^"]*)"`)

// A trial is a client in a role, and what the server has refused to it.
type trial struct {
	t       *testing.T
	nc      *nats.Conn
	refused chan string // "Publish x" or "Subscription x", in the order of the tries
}

func try(t *testing.T, srv *bustest.Secure, role string) *trial {
	x := &trial{t: t, refused: make(chan string, 10_000)}
	x.nc = srv.Dial(role, func(err error) {
		if parts := refusal.FindStringSubmatch(err.Error()); parts != nil && errors.Is(err, nats.ErrPermissionViolation) {
			x.refused <- parts[1] + " " + parts[2]
		} else {
			t.Errorf("%s: the client got the error %v", role, err)
		}
	})
	return x
}

// refusals returns what the server has refused so far. It publishes to a subject
// that is always refused and waits for that refusal, which comes last.
func (x *trial) refusals() map[string]bool {
	x.t.Helper()
	const last = "refused.to.all"
	if err := x.nc.Publish(last, nil); err != nil {
		x.t.Fatal(err)
	}
	all := map[string]bool{}
	for ctx := bustest.Context(x.t); ; {
		select {
		case r := <-x.refused:
			if r == "Publish "+last {
				return all
			}
			all[r] = true
		case <-ctx.Done():
			x.t.Fatal("the server did not refuse a forbidden subject")
		}
	}
}

// differences tries every subject of every role in one role, and returns where the
// server does not do what the table says.
func differences(t *testing.T, srv *bustest.Secure, role roles.Role) (wrong []string) {
	t.Helper()
	x := try(t, srv, role.Name)
	wildcard := func(subject string) bool { return strings.ContainsAny(subject, "*>") }
	var tried []string
	for _, subject := range publishes() {
		if wildcard(subject) {
			continue // a message has one subject
		}
		tried = append(tried, "Publish "+subject)
		if err := x.nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range subscribes() {
		tried = append(tried, "Subscription "+subject)
		if _, err := x.nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
	}
	refused := x.refusals()
	granted := 0
	for _, what := range tried {
		kind, subject, _ := strings.Cut(what, " ")
		may := covered(role.Publish(), subject)
		if kind == "Subscription" {
			may = covered(role.Subscribe(), subject)
		}
		if may {
			granted++
		}
		if may == refused[what] {
			wrong = append(wrong, fmt.Sprintf("%s: %s: granted %t, refused %t", role.Name, what, may, refused[what]))
		}
	}
	t.Logf("%s: %d granted, %d refused", role.Name, granted, len(refused))
	return wrong
}

// TestTable: every role tries every subject of every other role, and many that no
// role has. The server lets through what the table grants and refuses the rest.
func TestTable(t *testing.T) {
	srv := bustest.StartSecure(t)
	for _, role := range ours() {
		for _, wrong := range differences(t, srv, role) {
			t.Error(wrong)
		}
	}
}

// TestDifferencesAreFound: the test before finds a superfluous and a missing right.
func TestDifferencesAreFound(t *testing.T) {
	dir := bustest.Credentials(t)
	path := filepath.Join(dir, credentials.Accounts)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, streamer, _ := strings.Cut(string(text), "{ # streamer")
	streamer = strings.Replace(streamer, `"dashboard.*.*"`, `"$KV.curves.*.*.*"`, 1)
	if err := os.WriteFile(path, []byte(before+"{ # streamer"+streamer), 0o600); err != nil {
		t.Fatal(err)
	}
	role, _ := roles.Named("streamer")
	wrong := differences(t, bustest.StartSecureWith(t, dir), role)
	want := []string{
		"streamer: Publish $KV.curves.x.x.x: granted false, refused false",
		"streamer: Publish dashboard.x.x: granted true, refused true",
	}
	if !slices.Equal(wrong, want) {
		t.Errorf("found %q, want %q", wrong, want)
	}
}

// TestFacts: rights that must stay as they are when the table changes.
func TestFacts(t *testing.T) {
	who := func(subject string) []string {
		var names []string
		for _, r := range ours() {
			if covered(r.Publish(), subject) {
				names = append(names, r.Name)
			}
		}
		return names
	}
	receivers := []string{"receiver", "receiver-retract", "receiver-upload", "receiver-retract-upload"}
	for subject, want := range map[string][]string{
		"episode.accepted":                                append(slices.Clone(receivers), "emitter"),
		"episode.retracted":                               {"receiver-retract", "receiver-retract-upload", "emitter"},
		"$O.episodes.C.x":                                 {"receiver-upload", "receiver-retract-upload", "emitter"},
		"episode.rejected.corrupt":                        {"worker"},
		"$KV.curves.g.p.r":                                {"worker"},
		"$KV.envelopes.g.p":                               {"worker"},
		"$KV.attempts.g.1":                                {"worker"},
		"$KV.specs.g":                                     {"worker", "operator"},
		"dashboard.attack_profile.p":                      {"streamer", "dashboard"},
		"$JS.ACK.EPISODES.align-g.1.1.1.1.1":              {"worker"},
		"$JS.ACK.KV_curves.reduce-g.1.1.1.1.1":            {"worker"},
		"$JS.API.CONSUMER.CREATE.EPISODES.align-g":        {"worker", "operator"},
		"$JS.API.CONSUMER.DELETE.EPISODES.align-g":        {"operator"},
		"$JS.API.CONSUMER.DELETE.KV_curves.reduce-g":      {"worker", "operator"},
		"$JS.API.CONSUMER.MSG.NEXT.EPISODES.align-g":      {"worker"},
		"$JS.API.DIRECT.GET.OBJ_episodes":                 {"worker"},
		"$JS.API.DIRECT.GET.KV_curves":                    {"emitter", "dashboard", "viewer", "operator"},
		"$JS.API.STREAM.MSG.GET.KV_curves":                {"emitter", "worker", "viewer", "operator"},
		"$JS.API.STREAM.MSG.GET.OBJ_episodes":             {"receiver-upload", "receiver-retract-upload", "emitter", "worker"},
		"$JS.API.STREAM.CREATE.EPISODES":                  {"operator"},
		"$JS.API.STREAM.UPDATE.EPISODES":                  {"operator"},
		"$JS.API.STREAM.DELETE.EPISODES":                  {"operator"},
		"$JS.API.STREAM.PURGE.DASHBOARD":                  {"operator"},
		"$JS.API.STREAM.PURGE.OBJ_episodes":               {"receiver-upload", "receiver-retract-upload", "emitter", "operator"},
		"$JS.API.STREAM.MSG.DELETE.EPISODES":              nil,
		"$JS.API.CONSUMER.CREATE.DASHBOARD.x.dashboard.>": {"operator"},
	} {
		if got := who(subject); !slices.Equal(got, want) {
			t.Errorf("roles that may publish to %s: %v, want %v", subject, got, want)
		}
	}
	for _, subject := range forbidden {
		for _, r := range ours() {
			if covered(r.Publish(), subject) || covered(r.Subscribe(), subject) {
				t.Errorf("%s may have %s", r.Name, subject)
			}
		}
	}
	receiver, _ := roles.Named("receiver")
	if p, s := receiver.Publish(), receiver.Subscribe(); !slices.Equal(p, []string{"episode.accepted"}) || !slices.Equal(s, []string{"_INBOX_receiver.>"}) {
		t.Errorf("a receiver may publish %v and subscribe to %v", p, s)
	}
	viewer, _ := roles.Named("viewer")
	for _, p := range viewer.Publish() { // these calls change nothing
		if !regexp.MustCompile(`^\$JS\.API\.(INFO$|STREAM\.INFO\.|STREAM\.MSG\.GET\.|CONSUMER\.INFO\.|DIRECT\.GET\.)`).MatchString(p) {
			t.Errorf("a viewer may publish to %s", p)
		}
	}
}

// TestGrantedCallsAreAnswered: a granted call of the JetStream API gets an answer, at
// the inbox of the role.
func TestGrantedCallsAreAnswered(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	all := ours()
	slices.SortStableFunc(all, func(a, b roles.Role) int { // the operator comes last: it deletes the streams
		return cmp.Compare(strings.Index(a.Name, "operator"), strings.Index(b.Name, "operator"))
	})
	for _, role := range all {
		x := try(t, srv, role.Name)
		for _, pattern := range role.Publish() {
			if !strings.HasPrefix(pattern, "$JS.API.") {
				continue
			}
			_, err := x.nc.RequestWithContext(bustest.Context(t), concrete(pattern), nil)
			if err != nil && !errors.Is(err, nats.ErrNoResponders) { // that consumer does not exist
				t.Errorf("%s asks %s: %v", role.Name, concrete(pattern), err)
			}
		}
		if refused := x.refusals(); len(refused) > 0 {
			t.Errorf("%s: refused %v", role.Name, slices.Collect(maps.Keys(refused)))
		}
	}
}

func makeTopology(t *testing.T, srv *bustest.Secure) {
	t.Helper()
	cfg := srv.Config("operator")
	cfg.Topology = client.TopologyCreate
	b, err := bus.Connect(cfg, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := errors.Join(b.Ready(bustest.Context(t)), b.EnsureTopology(bustest.Context(t))); err != nil {
		t.Fatal(err)
	}
}

// TestSystem: the role gets reports of the servers. It neither sees nor changes what other accounts store, neither by a
// request of its own nor by the reply subject of one.
func TestSystem(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	refused := make(chan error, 100)
	system := srv.Dial("system", func(err error) { refused <- err })
	msg, err := system.RequestWithContext(bustest.Context(t), "$SYS.REQ.SERVER.PING.JSZ", []byte(`{"accounts": true}`))
	if err != nil || !json.Valid(msg.Data) || !strings.Contains(string(msg.Data), roles.Profiles) {
		t.Errorf("a report: %v", err)
	}
	const purge = "$JS.API.ACCOUNT.PURGE." + roles.Profiles
	for _, msg := range []*nats.Msg{
		{Subject: bus.SubjectAccepted, Data: []byte("{}")}, {Subject: purge},
		{Subject: "$SYS.REQ.SERVER.PING", Reply: purge}, {Subject: "$SYS.REQ.SERVER.PING.JSZ", Reply: purge},
	} {
		if err := errors.Join(system.PublishMsg(msg), system.FlushWithContext(bustest.Context(t))); err != nil {
			t.Error(err)
		}
	}
	for _, subject := range []string{">", "$NRG.>", "$SYS.REQ.>", "$SYS._INBOX.>", "$JSC.>"} {
		if _, err := system.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		for want := fmt.Sprintf("Subscription to %q", subject); want != ""; {
			select {
			case err := <-refused:
				if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
					want = ""
				}
			case <-bustest.Context(t).Done():
				t.Fatalf("the role may subscribe to %s", subject)
			}
		}
	}
	if _, err := system.RequestWithContext(bustest.Context(t), "$SYS.REQ.SERVER.PING.JSZ", nil); err != nil { // after the answers before
		t.Error(err)
	}
	sizes, err := srv.ConnectAs("viewer", bustest.Log(t)).Streams(bustest.Context(t))
	if err != nil || len(sizes) != 9 || sizes[0].Messages != 0 {
		t.Errorf("%+v, %v", sizes, err)
	}
}

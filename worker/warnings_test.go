package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	et "github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// TestSilentStoreIsLogged: tries that end without an answer of the store are logged, but not each one.
func TestSilentStoreIsLogged(t *testing.T) {
	t.Parallel()
	var written bytes.Buffer
	log := slog.New(slog.NewTextHandler(&written, nil))
	s := &session{metrics: newMetrics(prometheus.NewRegistry(), log, nil, func() uint64 { return 0 }), unanswered: &unanswered{}, logger: log}
	for range 3 {
		s.warnUnanswered(episode.Ref{Host: "lab-01", ID: "ep-1"}, errors.New("access denied"))
	}
	if text := written.String(); strings.Count(text, "the store does not give an archive, keep trying") != 1 || !strings.Contains(text, "access denied") {
		t.Error(text)
	}
}

// TestFirstOfEachReasonIsLogged: the log has one line for each profile and reason, with the first episode and the detail.
func TestFirstOfEachReasonIsLogged(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	store := &replaceable{}
	s := newSession(t, nc, store, spec, gen, curves)
	var written bytes.Buffer
	s.logger = slog.New(slog.NewJSONHandler(&written, nil))
	noSource, corrupt := et.Episode(450).Without("telemetry-proc.jsonl").Bytes(), []byte("no archive")
	for i, episode := range []struct {
		profile fit.Profile
		archive []byte
	}{
		{spec.Profiles[0], noSource}, {spec.Profiles[0], corrupt}, {spec.Profiles[0], noSource},
		{spec.Profiles[1], noSource}, {spec.Profiles[1], et.Episode(450).Bytes()}, {spec.Profiles[1], noSource},
	} {
		store.archive = episode.archive
		_ = handle(ctx, s, bus.Notice{Host: "lab-01", Episode: fmt.Sprint("ep-", i), Profile: string(episode.profile.Name), Seq: uint64(i + 1), At: time.Now()})
	}
	ref := episode.Ref{Host: "lab-01", ID: "ep-9"}
	for range 2 {
		s.warnChannels(ref, []episode.Warning{
			{Kind: episode.WarnLooksLikeCounter, Channel: episode.ChannelName{Source: "x", Field: "a"}, Detail: "never falls"},
			{Kind: episode.WarnLooksLikeCounter, Channel: episode.ChannelName{Source: "x", Field: "b"}, Detail: "never falls"},
		})
	}
	for seq := range uint64(2) {
		s.countRejected(bus.Notice{Seq: seq + 7}, &bus.Rejection{Reason: fit.ReasonMalformed, Detail: "no JSON"})
	}
	for sentence, want := range map[string]int{
		"an episode gives no curve; others of this profile and reason are not logged":                         3,
		"a recording may not be what the spec takes it for; others of this channel and reason are not logged": 2,
		"a message was rejected; others with this reason are not logged":                                      1,
	} {
		if n := strings.Count(written.String(), sentence); n != want {
			t.Errorf("%q was logged %d times", sentence, n)
		}
	}
	var lines []string
	for line := range strings.Lines(written.String()) {
		var entry struct{ Level, Profile, Reason, Host, Episode, Detail string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Level != "WARN" || entry.Detail == "" {
			t.Errorf("the log has %s", line)
		}
		lines = append(lines, fmt.Sprint(entry.Profile, " ", entry.Reason, " ", entry.Host, "/", entry.Episode))
	}
	first, second := spec.Profiles[0].Name, spec.Profiles[1].Name
	want := []string{
		fmt.Sprint(first, " no_source lab-01/ep-0"), fmt.Sprint(first, " corrupt lab-01/ep-1"), fmt.Sprint(second, " no_source lab-01/ep-3"),
		" looks_like_counter lab-01/ep-9", " looks_like_counter lab-01/ep-9", " malformed /",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the log has %q, want %q", lines, want)
	}
}

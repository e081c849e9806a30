package status

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	et "github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// TestWhyUnused: each cause has its own sentence.
func TestWhyUnused(t *testing.T) {
	t.Parallel()
	spec := specOf(1)
	many := map[string]int{saturate: 0}
	for i := range 9 {
		many[fmt.Sprint("other-", i)] = 10 - i
	}
	for _, c := range []struct {
		want  string
		p     Profile
		lag   *Lag
		names *LogNames
	}{
		{"", Profile{Used: 1, Attempted: 2, Kept: 2}, nil, nil},
		{"none of 2 episodes gives a curve", Profile{Attempted: 2, Kept: 2}, nil, nil},
		{"all of its 3 episodes are retracted", Profile{Kept: 3}, nil, nil},
		{"no episode yet: 7 messages of the log are still to be read", Profile{}, &Lag{Align: bus.Lag{Pending: 5, Unacked: 2}}, &LogNames{}},
		{"no episode; this user may not read the log, which would say whether it names the profile", Profile{}, &Lag{}, nil},
		{"the log has no message", Profile{}, &Lag{}, &LogNames{Whole: true}},
		{"the log accepts 4 episodes of it, but these are retracted, or their messages were rejected", Profile{}, &Lag{}, &LogNames{Read: 9, Whole: true, Profiles: map[string]int{saturate: 4}}},
		{"the log accepts 4 episodes of it; no worker has read them, because the generation has no consumers yet", Profile{}, nil, &LogNames{Read: 9, Whole: true, Profiles: map[string]int{saturate: 4}}},
		{"no message of the log names it", Profile{}, nil, &LogNames{Read: 9, Whole: true}},
		{`no message of the log names it; those that the spec does not have: Cpu_Saturate (9), "a b" (1)`, Profile{}, nil, &LogNames{Read: 9, Whole: true, Profiles: map[string]int{"a b": 1, "Cpu_Saturate": 9}}},
		{"none of the first 10000 messages of the log names it; those that the spec does not have: other-0 (10), other-1 (9), other-2 (8), other-3 (7), other-4 (6), and 4 more", Profile{}, nil, &LogNames{Read: 10_000, Profiles: many}},
	} {
		c.p.Name = saturate
		if got := whyUnused(c.p, spec, c.lag, c.names); got != c.want {
			t.Errorf("%+v: %q, want %q", c.p, got, c.want)
		}
	}
}

// TestLogNames: of a profile without an entry the report says which profiles the log names instead, from a part of a long log.
func TestLogNames(t *testing.T) {
	t.Parallel()
	ctx, server := bustest.Context(t), bustest.Start(t)
	b := server.Topology()
	run(t, server, specOf(2), nil)
	send := func(profile string, n int) {
		t.Helper()
		all := func(yield func(bus.Notice) bool) {
			for i := range n {
				if !yield(bus.Notice{Host: profile, Episode: fmt.Sprint("e", i), Profile: profile, At: time.Unix(int64(i), 0)}) {
					return
				}
			}
		}
		if err := b.PublishAll(ctx, all, func(bus.Notice) {}); err != nil {
			t.Fatal(err)
		}
	}
	send("cpu-saturated", 3)
	r, err := Wait(ctx, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Profiles[0].Why; got != "no message of the log names it; those that the spec does not have: cpu-saturated (3)" || r.Log.Read != 3 || !r.Log.Whole {
		t.Errorf("%q, %+v", got, r.Log)
	}
	send("another", maxNamesRead-3)
	for _, whole := range []bool{true, false} {
		names, err := readLogNames(ctx, b)
		if err != nil || names.Read != maxNamesRead || names.Whole != whole || names.Profiles["another"] != maxNamesRead-3 {
			t.Errorf("%+v, %v", names, err)
		}
		send("one-more", 1)
	}
}

// TestLongNames: any program may name any profile.
func TestLongNames(t *testing.T) {
	t.Parallel()
	names := LogNames{Profiles: map[string]int{strings.Repeat("x", 1000): 1, "": 2, "a\nb": 3}}
	if got, want := names.others(&fit.Spec{}), `"a\nb" (3), "" (2), `+strings.Repeat("x", 64)+"… (1)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// refused is a store whose archives lack the member of the channel, or are no archives.
type refused struct{}

func (refused) Open(_ context.Context, ref episode.Ref) (io.ReadCloser, error) {
	archive := et.Episode(450).Without("telemetry-proc.jsonl").Bytes()
	switch ref.ID {
	case "corrupt":
		archive = []byte("no archive")
	case "good":
		archive = et.Episode(450).Bytes()
	}
	return io.NopCloser(bytes.NewReader(archive)), nil
}

// TestReasonsOfTheSample: the report says how many episodes give no curve for each reason, with an example and its detail, and
// what is wrong with the recordings that do.
func TestReasonsOfTheSample(t *testing.T) {
	t.Parallel()
	ctx, server := bustest.Context(t), bustest.Start(t)
	b := server.Topology()
	run(t, server, specOf(4), refused{})
	for _, id := range []string{"a", "corrupt", "b"} {
		publish(t, ctx, b, "h", id, false)
	}
	r, err := Wait(ctx, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Profiles[0]
	if p.Why != "none of 3 episodes gives a curve" || len(p.Without) != 2 || len(p.Quality) != 0 {
		t.Fatalf("%+v", p)
	}
	first, second := p.Without[0], p.Without[1]
	if first.Reason != fit.ReasonNoSource || first.Episodes != 2 || first.Example != "h/a" && first.Example != "h/b" || !strings.Contains(first.Detail, "telemetry-proc.jsonl") || first.Meaning == "" {
		t.Errorf("%+v", first)
	}
	if second.Reason != fit.ReasonCorrupt || second.Episodes != 1 || second.Example != "h/corrupt" || second.Detail == "" {
		t.Errorf("%+v", second)
	}
	if last := r.LastRejected[fit.ReasonCorrupt]; r.Rejected[fit.ReasonCorrupt] != 1 || last.Episode != "corrupt" || last.Seq != 2 || last.Detail != second.Detail {
		t.Errorf("in REJECTED: %v, %+v", r.Rejected, last)
	}
	publish(t, ctx, b, "h", "good", false)
	if r, err = Wait(ctx, b, nil); err != nil {
		t.Fatal(err)
	}
	p = r.Profiles[0]
	if p.Why != "" || p.Used != 1 || len(p.Without) != 2 || len(p.N) != 80 || p.N[40] != 1 || len(p.Quality) == 0 || p.Quality[len(p.Quality)-1].Episode != "good" {
		t.Errorf("%+v", p)
	}
}

package worker_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

// goodWithin is how soon readable episodes must be in their envelopes, however many
// others cannot be read.
const goodWithin = 10 * time.Second

// sendAll publishes many notices, as an emitter does.
func (f *fleet) sendAll(notices iter.Seq[bus.Notice]) {
	f.t.Helper()
	if err := f.bus.PublishAll(bustest.Context(f.t), notices, func(bus.Notice) {}); err != nil {
		f.t.Fatal(err)
	}
}

// used waits until the envelope of a profile has n episodes, and returns how long that took.
func (f *fleet) used(profile string, n int) time.Duration {
	f.t.Helper()
	ctx, began := bustest.Context(f.t), time.Now()
	var gen bus.Generation
	until(f.t, func() (ok bool) {
		gen, ok = f.wanted(ctx)
		return ok
	})
	for {
		env, _, err := f.bus.ReadEnvelope(ctx, gen.ID, fit.ProfileName(profile))
		if err == nil && env.Used == n {
			return time.Since(began)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			f.t.Fatalf("the envelope has %d of %d episodes; %v", env.Used, n, err)
		}
	}
}

// TestManyMissing: missing archives that are waited for don't keep other episodes out.
func TestManyMissing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	f.patience = 3 * time.Minute
	f.start()
	f.sendAll(func(yield func(bus.Notice) bool) {
		for i := range 1500 { // more than a worker keeps
			if !yield(bus.Notice{Host: "h", Episode: fmt.Sprint("absent-", i), Profile: "io-walk", At: time.Unix(0, int64(i))}) {
				return
			}
		}
	})
	there := rows(t)[0]
	f.send(there)
	took := f.used(there.Profile, 1)
	t.Logf("another episode took %s", took)
	if took > goodWithin {
		t.Errorf("another episode took %s: it had to wait for those that are missing", took)
	}
}

// The episodes of TestUnreadable.
const (
	badHost, goodHost = "bad", "good"
	manyBad, manyGood = 1100, 200
	stallProfile      = "cpu-saturate"
)

func goodArchive() []byte { return episodetest.Episode(80).Bytes() }

// stallNotices yields the accepts of n episodes of a host.
func stallNotices(host string, n int) iter.Seq[bus.Notice] {
	return func(yield func(bus.Notice) bool) {
		for i := range n {
			if !yield(bus.Notice{Host: host, Episode: fmt.Sprint("ep-", i), Profile: stallProfile, At: time.Unix(0, int64(i))}) {
				return
			}
		}
	}
}

// dirOf returns a store in a directory that has the good archives; damage makes the others.
func dirOf(damage func(dir, bad string) error) func(*testing.T, *bustest.Server) episode.Store {
	return func(t *testing.T, _ *bustest.Server) episode.Store {
		dir := t.TempDir()
		one := filepath.Join(dir, "one")
		err := errors.Join(os.Mkdir(filepath.Join(dir, goodHost), 0o755), os.WriteFile(one, goodArchive(), 0o644))
		for i := range manyGood {
			err = errors.Join(err, os.Link(one, filepath.Join(dir, goodHost, fmt.Sprintf("ep-%d.tar.zst", i))))
		}
		if err := errors.Join(err, damage(dir, filepath.Join(dir, badHost))); err != nil {
			t.Fatal(err)
		}
		archives, err := store.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return archives
	}
}

// eachBad makes the host's folder, and a file in the place of each bad archive.
func eachBad(bad string, file func(name string) error) error {
	err := os.Mkdir(bad, 0o755)
	for i := range manyBad {
		err = errors.Join(err, file(filepath.Join(bad, fmt.Sprintf("ep-%d.tar.zst", i))))
	}
	return err
}

// bucketOf returns a store in NATS with the good archives, and damaged ones.
func bucketOf(damage func(t *testing.T, archives jetstream.Stream)) func(*testing.T, *bustest.Server) episode.Store {
	return func(t *testing.T, srv *bustest.Server) episode.Store {
		ctx := bustest.Context(t)
		s, err := store.Open("nats://episodes", store.Config{}, srv.Connect())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Ensure(ctx); err != nil {
			t.Fatal(err)
		}
		put := func(host string, n int, archive []byte) {
			for i := range n {
				ref := episode.Ref{Host: episode.Host(host), ID: episode.ID(fmt.Sprint("ep-", i))}
				if _, err := s.Put(ctx, ref, store.DefaultSuffix, bytes.NewReader(archive)); err != nil {
					t.Fatal(err)
				}
			}
		}
		put(badHost, manyBad, []byte("no archive"))
		archives, err := srv.JetStream().Stream(ctx, "OBJ_episodes")
		if err != nil {
			t.Fatal(err)
		}
		damage(t, archives)
		put(goodHost, manyGood, goodArchive())
		return s
	}
}

// s3Of returns a store whose server has the good archives, and answers otherwise for bad ones.
func s3Of(answer http.HandlerFunc) func(*testing.T, *bustest.Server) episode.Store {
	return func(t *testing.T, _ *bustest.Server) episode.Store {
		archive := goodArchive()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
			if path.Base(path.Dir(r.URL.Path)) == badHost {
				answer(w, r)
				return
			}
			_, _ = w.Write(archive)
		}))
		t.Cleanup(srv.Close)
		s, err := store.Open("s3://archives", store.Config{S3: store.S3Config{Endpoint: srv.URL, AccessKey: "a", SecretKey: "b"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func s3Error(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
	}
}

// unreadable are the kinds of archives that a store does not give. Those without a reason
// take minutes until they are given up.
var unreadable = []struct {
	name   string
	store  func(*testing.T, *bustest.Server) episode.Store
	reason fit.Reason
	short  bool // tried by the short tests, too
}{
	{"a file in the place of the folder", dirOf(func(_, bad string) error { return os.WriteFile(bad, nil, 0o644) }), fit.ReasonMissing, true},
	{"a link out of the store", dirOf(func(dir, bad string) error { return os.Symlink(filepath.Dir(dir), bad) }), fit.ReasonCorrupt, false},
	{"links in a circle", dirOf(func(_, bad string) error {
		return eachBad(bad, func(name string) error { return os.Symlink(filepath.Base(name), name) })
	}), fit.ReasonCorrupt, false},
	{"folders", dirOf(func(_, bad string) error {
		return eachBad(bad, func(name string) error { return os.Mkdir(name, 0o755) })
	}), fit.ReasonCorrupt, false},
	{"no permission for the files", dirOf(func(_, bad string) error {
		return eachBad(bad, func(name string) error { return os.WriteFile(name, nil, 0) })
	}), fit.ReasonMissing, false},
	{"no permission for the folder", dirOf(func(_, bad string) error { return os.Mkdir(bad, 0) }), fit.ReasonMissing, false},
	{"objects without chunks", bucketOf(func(t *testing.T, archives jetstream.Stream) {
		if err := archives.Purge(bustest.Context(t), jetstream.WithPurgeSubject("$O.episodes.C.>")); err != nil {
			t.Fatal(err)
		}
	}), fit.ReasonCorrupt, true},
	{"keys that are denied", s3Of(s3Error(http.StatusForbidden, "AccessDenied")), fit.ReasonMissing, true},
	{"keys of archived objects", s3Of(s3Error(http.StatusForbidden, "InvalidObjectState")), fit.ReasonMissing, false},
	{"folder markers", s3Of(func(http.ResponseWriter, *http.Request) {}), fit.ReasonCorrupt, false},
	{"bodies that break off", s3Of(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(1000))
		_, _ = w.Write(make([]byte, 10))
	}), "", false},
	{"internal errors", s3Of(s3Error(http.StatusInternalServerError, "InternalError")), "", false},
	{"silence", s3Of(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "", true},
}

// TestUnreadable: many episodes that cannot be read, of every kind, do not keep good ones
// out, and cost no good one. The batch gives the same envelope.
func TestUnreadable(t *testing.T) {
	for _, c := range unreadable {
		t.Run(c.name, func(t *testing.T) {
			switch {
			case testing.Short() && !c.short:
				t.Skip("a part of the kinds is tried")
			case slowdown > 1 && c.name != "a file in the place of the folder":
				t.Skip("too slow under the race detector: make stalls-test")
			case strings.HasPrefix(c.name, "no permission") && os.Getuid() == 0:
				t.Skip("root may read every file")
			}
			spec := fit.DefaultSpec()
			spec.Target = 2 * (manyBad + manyGood) // so that every archive is needed
			srv := bustest.Start(t)
			f := &fleet{t: t, srv: srv, bus: srv.Topology(), store: c.store(t, srv), spec: spec}
			f.sendAll(stallNotices(badHost, manyBad))
			f.sendAll(stallNotices(goodHost, manyGood))
			f.start()
			took := f.used(stallProfile, manyGood)
			t.Logf("the good episodes took %s", took)
			if took > slowdown*goodWithin {
				t.Errorf("the good episodes took %s", took)
			}
			if c.reason == "" {
				f.rejections(0, "")
				return
			}
			f.settled()
			f.rejections(manyBad, c.reason)
			f.equalsBatch()
		})
	}
}

// rejections checks how many messages are in REJECTED, and that each has a reason and none
// is about a good episode.
func (f *fleet) rejections(want int, reason fit.Reason) {
	f.t.Helper()
	n := 0
	err := f.bus.ReadRejected(bustest.Context(f.t), func(r bus.Rejected) error {
		n++
		if r.Host != badHost || r.Reason != reason || r.Detail == "" {
			f.t.Errorf("%s of %s was rejected as %s: %s", r.Episode, r.Host, r.Reason, r.Detail)
		}
		return nil
	})
	if err != nil || n != want {
		f.t.Errorf("%d messages were rejected, want %d; %v", n, want, err)
	}
}

// equalsBatch compares the envelope with that of profiles fit.
func (f *fleet) equalsBatch() {
	f.t.Helper()
	r, err := roster.Read(func(yield func(dataset.ValidationRow, error) bool) {
		for _, all := range []iter.Seq[bus.Notice]{stallNotices(badHost, manyBad), stallNotices(goodHost, manyGood)} {
			for n := range all {
				row := dataset.ValidationRow{HostID: n.Host, EpisodeID: n.Episode, Profile: n.Profile, Status: "accepted", Accepted: true}
				if !yield(row, nil) {
					return
				}
			}
		}
	}, f.spec.Seed)
	if err != nil {
		f.t.Fatal(err)
	}
	fitted, err := batch.Fit(bustest.Context(f.t), batch.Config{Spec: f.spec, Signatures: true}, f.store, r)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, want := range fitted {
		if want.Profile.Name != stallProfile {
			continue
		}
		env, _, err := f.bus.ReadEnvelope(bustest.Context(f.t), f.settled().ID, stallProfile)
		if err != nil || !reflect.DeepEqual(env.Envelope, want.Envelope) {
			f.t.Errorf("live has %d of %d and %v, the batch %d of %d and %v; %v", env.Used, env.Attempted, env.Reasons,
				want.Envelope.Used, want.Envelope.Attempted, want.Envelope.Reasons, err)
		}
	}
}

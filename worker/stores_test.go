package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/store/storetest"
	"github.com/cis490/profiles/streamer"
)

// A remote is a store whose server stops and starts again.
type remote struct {
	address string
	config  store.Config
	bus     *bus.Bus // for nats://
	stop    func()
	start   func()
}

// An interrupted store stops its server when some archives were opened, and starts it again
// when some more requests have failed.
type interrupted struct {
	store.Uploader
	remote remote
	opens  atomic.Int32
	vain   atomic.Int32
	back   chan struct{} // closed when the server runs again
}

const (
	opensUntilDown = 10
	vainUntilUp    = 3
)

func (s *interrupted) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	if s.opens.Add(1) == opensUntilDown {
		s.remote.stop()
	}
	r, err := s.Uploader.Open(ctx, ref)
	if err != nil && !errors.Is(err, episode.ErrNotFound) && s.vain.Add(1) == vainUntilUp {
		s.remote.start()
		close(s.back)
	}
	return r, err
}

func TestRemoteStores(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	for name, begin := range map[string]func(t *testing.T) remote{
		"nats": func(t *testing.T) remote {
			srv := bustest.Start(t)
			return remote{"nats://episodes", store.Config{Timeout: timeout}, srv.Connect(), srv.Stop, srv.Restart}
		},
		"s3": func(t *testing.T) remote {
			srv := storetest.StartS3(t)
			return remote{"s3://" + storetest.Bucket + "/recorded", srv.Config(timeout), nil, srv.Stop, srv.Start}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, r := bustest.Context(t), begin(t)
			opened, err := store.Open(r.address, r.config, r.bus)
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := opened.(io.Closer); ok { // the connections of S3
				defer c.Close()
			}
			there := &interrupted{Uploader: opened, remote: r, back: make(chan struct{})}
			dir := recordedStore(t)
			f := newFleet(t, fit.DefaultSpec(), there)
			f.start()
			f.start()
			events := f.stream()
			f.store = dir // for the batch

			if err := there.Ensure(ctx); err != nil {
				t.Fatal(err)
			}
			e := &emit.Emitter{Bus: f.bus, Rows: dataset.OpenValidation(filepath.Join(recorded, "validation.parquet"), fit.DefaultValidation()),
				Uploads: &emit.Uploads{From: dir.(*store.Dir), To: there}}
			stored, without := archives(t, f.spec)
			s, err := e.Reconcile(ctx)
			if err != nil || s.Published != 48 || *s.Archives != (emit.UploadSummary{Uploaded: stored, Without: 48 - stored}) {
				t.Fatalf("%+v, %+v, %v", s, s.Archives, err)
			}
			<-there.back
			accepted := rows(t)
			f.equal(accepted)

			missing := 0
			err = f.bus.ReadRejected(ctx, func(r bus.Rejected) error {
				missing++
				ref, err := episode.ParseRef(r.Notice.Host, r.Notice.Episode)
				if err != nil {
					return err
				}
				if _, err := dir.Open(ctx, ref); !errors.Is(err, episode.ErrNotFound) || r.Reason != fit.ReasonMissing {
					t.Errorf("%s was rejected as %s: %s", ref, r.Reason, r.Detail)
				}
				return nil
			})
			if err != nil || missing != without {
				t.Errorf("%d rejections, %v", missing, err)
			}
			for p, want := range f.batch(accepted) {
				until(t, func() bool { return events(p).Digest == want.Digest })
				if got := events(p); got.Used != want.Used || got.Generation != f.settled().ID {
					t.Errorf("%s: the event says %d of generation %s", p, got.Used, got.Generation)
				}
			}
			t.Logf("%d archives were asked for, %d of them in vain", there.opens.Load(), there.vain.Load())
		})
	}
}

// archives counts the accepted episodes with an archive, and those without one.
func archives(t *testing.T, spec *fit.Spec) (stored, missing int) {
	t.Helper()
	for _, row := range rows(t) {
		_, err := os.Stat(filepath.Join(recorded, "store", row.Host, row.Episode+".tar.zst"))
		switch {
		case err == nil:
			stored++
		case slices.ContainsFunc(spec.Profiles, func(p fit.Profile) bool { return string(p.Name) == row.Profile }):
			missing++
		}
	}
	return stored, missing
}

// stream runs a streamer and returns a function that gives the last event of a profile.
func (f *fleet) stream() func(fit.ProfileName) streamer.AttackProfile {
	f.t.Helper()
	nc := f.srv.Connect()
	s, err := streamer.New(streamer.Config{}, streamer.Deps{Bus: nc, Log: bustest.Log(f.t), Registry: prometheus.NewRegistry()})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Run(ctx)
	}()
	f.t.Cleanup(func() { cancel(); <-ended })
	return func(p fit.ProfileName) (e streamer.AttackProfile) {
		data, ok, err := events.NewPublisher(nc).Last(bustest.Context(f.t), events.Subject(events.TypeAttackProfile, string(p)))
		if err != nil {
			f.t.Fatal(err)
		}
		if ok {
			if err := json.Unmarshal(data, &e); err != nil {
				f.t.Fatal(err)
			}
		}
		return e
	}
}

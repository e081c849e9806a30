package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
)

func natsStore(t *testing.T, nc *bus.Bus, timeout time.Duration) store.Uploader {
	t.Helper()
	s, err := store.Open("nats://episodes", store.Config{Timeout: timeout}, nc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNATS(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	s := natsStore(t, srv.Connect(), 5*time.Second)
	checkUploader(t, s)
	// Nothing is left of replaced objects. The last one has no bytes, only its
	// description.
	info, err := stream(t, srv).Info(bustest.Context(t))
	if err != nil || info.State.Msgs != 1 {
		t.Errorf("%+v, %v", info.State, err)
	}
}

func TestNATSSuffixes(t *testing.T) {
	t.Parallel()
	s, err := store.Open("nats://episodes", store.Config{Suffixes: several}, bustest.Start(t).Connect())
	if err != nil {
		t.Fatal(err)
	}
	checkSuffixes(t, s)
}

func stream(t *testing.T, srv *bustest.Server) jetstream.Stream {
	t.Helper()
	s, err := srv.JetStream().Stream(bustest.Context(t), "OBJ_episodes")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNATSOnACluster(t *testing.T) {
	t.Parallel()
	c := bustest.StartCluster(t)
	checkUploader(t, natsStore(t, c.Topology(), 5*time.Second))
}

// TestNATSIsTheClientsOwnFormat checks that the client of NATS reads what is written
// here, and the other way round.
func TestNATSIsTheClientsOwnFormat(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	s := natsStore(t, srv.Connect(), 5*time.Second)
	theirs, err := srv.JetStream().CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "episodes"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(ctx); err != nil { // keeps the bucket
		t.Fatal(err)
	}
	data := noise(1 << 20)
	put(t, s, ref, data)
	got, err := theirs.GetBytes(ctx, "lab-01/ep-1.tar.zst")
	if err != nil || string(got) != string(data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	other := episode.Ref{Host: "lab-01", ID: "ep-2"}
	if _, err := theirs.PutBytes(ctx, "lab-01/ep-2.tar.zst", data); err != nil {
		t.Fatal(err)
	}
	checkStored(t, s, other, data)
	if put(t, s, other, data) {
		t.Error("an archive that another client had stored was sent again")
	}
	if err := theirs.Delete(ctx, "lab-01/ep-2.tar.zst"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ctx, other); !errors.Is(err, episode.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if !put(t, s, other, data) {
		t.Error("a deleted archive was not sent again")
	}
	checkStored(t, s, other, data)
	if _, err := theirs.AddLink(ctx, "lab-01/ep-3.tar.zst", must(theirs.GetInfo(ctx, "lab-01/ep-2.tar.zst"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ctx, episode.Ref{Host: "lab-01", ID: "ep-3"}); !errors.Is(err, episode.ErrCorrupt) || !strings.Contains(err.Error(), "it is a link to another object") {
		t.Errorf("a link: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNATSWithoutItsBucket(t *testing.T) {
	t.Parallel()
	ctx := bustest.Context(t)
	s := natsStore(t, bustest.Start(t).Connect(), 5*time.Second)
	_, err := s.Open(ctx, ref)
	checkUnavailable(t, err, "there is no object store episodes")
}

func TestNATSExpectsItsBucket(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	nc, err := bus.Connect(client.Config{URL: srv.URL(), Topology: client.TopologyExpect}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	ended := make(chan error)
	go func() { ended <- natsStore(t, nc, time.Second).Ensure(bustest.Context(t)) }()
	select {
	case err := <-ended:
		t.Errorf("Ensure did not wait for the bucket: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := natsStore(t, srv.Connect(), time.Second).Ensure(bustest.Context(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// changeDescription changes the description of an object.
func changeDescription(t *testing.T, srv *bustest.Server, change func(*jetstream.ObjectInfo)) {
	t.Helper()
	ctx, js := bustest.Context(t), srv.JetStream()
	objects := must(js.ObjectStore(ctx, "episodes"))
	info := must(objects.GetInfo(ctx, "lab-01/ep-1.tar.zst"))
	change(info)
	last := must(stream(t, srv).GetLastMsgForSubject(ctx, "$O.episodes.M.>"))
	msg := nats.NewMsg(last.Subject)
	msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	msg.Data = must(json.Marshal(info))
	if _, err := js.PublishMsg(ctx, msg); err != nil {
		t.Fatal(err)
	}
}

// TestNATSDamage checks that an object is corrupt if it does not match its description,
// or if its leader lacks chunks of it.
func TestNATSDamage(t *testing.T) {
	t.Parallel()
	const size = 400 << 10 // four chunks
	for name, c := range map[string]struct {
		damage func(t *testing.T, srv *bustest.Server)
		says   string // part of the error
	}{
		"digest": {damage: func(t *testing.T, srv *bustest.Server) {
			changeDescription(t, srv, func(i *jetstream.ObjectInfo) { i.Digest = "SHA-256=AAAA" })
		}},
		"size": {damage: func(t *testing.T, srv *bustest.Server) {
			changeDescription(t, srv, func(i *jetstream.ObjectInfo) { i.Size-- })
		}},
		"fewer parts": {damage: func(t *testing.T, srv *bustest.Server) {
			changeDescription(t, srv, func(i *jetstream.ObjectInfo) { i.Chunks-- })
		}},
		"more parts": {func(t *testing.T, srv *bustest.Server) {
			changeDescription(t, srv, func(i *jetstream.ObjectInfo) { i.Chunks++ })
		}, "chunk 5 of 5"},
		"no parts": {func(t *testing.T, srv *bustest.Server) {
			if err := stream(t, srv).Purge(bustest.Context(t), jetstream.WithPurgeSubject("$O.episodes.C.>")); err != nil {
				t.Fatal(err)
			}
		}, "after 0 of 409600 bytes: chunk 1 of 4"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, srv := bustest.Context(t), bustest.Start(t)
			s := natsStore(t, srv.Connect(), 5*time.Second)
			if err := s.Ensure(ctx); err != nil {
				t.Fatal(err)
			}
			put(t, s, ref, noise(size))
			c.damage(t, srv)
			_, err := readAll(ctx, s, ref)
			if !errors.Is(err, episode.ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q in it", err, c.says)
			}
		})
	}
}

// TestNATSForeignChunks: a description whose chunks are a wildcard stands for the chunks of all objects. It is corrupt, and to
// replace its object removes no other one.
func TestNATSForeignChunks(t *testing.T) {
	t.Parallel()
	for _, chunks := range []string{"*", ">", "a.b", "a b"} {
		ctx, srv := bustest.Context(t), bustest.Start(t)
		s := natsStore(t, srv.Connect(), 5*time.Second)
		if err := s.Ensure(ctx); err != nil {
			t.Fatal(err)
		}
		forged, other := ref, episode.Ref{Host: "lab-02", ID: "ep-2"}
		put(t, s, forged, noise(1000))
		changeDescription(t, srv, func(i *jetstream.ObjectInfo) { i.NUID, i.Name = chunks, "other" })
		put(t, s, other, noise(400<<10))
		if _, err := readAll(ctx, s, forged); !errors.Is(err, episode.ErrCorrupt) || !strings.Contains(err.Error(), "not that of an archive") {
			t.Errorf("%q: %v", chunks, err)
		}
		put(t, s, forged, noise(1001))
		if got, err := readAll(ctx, s, other); len(got) != 400<<10 || err != nil {
			t.Errorf("%q: of another object %d bytes are left, %v", chunks, len(got), err)
		}
	}
}

// TestNATSServerStops checks that reading goes on if the server is back within the
// timeout, and fails if it is not.
func TestNATSServerStops(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	quick, patient := natsStore(t, srv.Connect(), 100*time.Millisecond), natsStore(t, srv.Connect(), 10*time.Second)
	if err := patient.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	data := noise(2 << 20)
	put(t, patient, ref, data)
	begin := func(s store.Uploader) (io.ReadCloser, []byte) {
		r, err := s.Open(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 300<<10)
		if _, err := io.ReadFull(r, head); err != nil {
			t.Fatal(err)
		}
		return r, head
	}
	r, head := begin(patient)
	srv.Restart()
	tail, err := io.ReadAll(r)
	if err != nil || string(head)+string(tail) != string(data) {
		t.Errorf("%d bytes, %v", len(head)+len(tail), err)
	}

	r, _ = begin(quick)
	srv.Stop()
	_, err = io.ReadAll(r)
	checkUnavailable(t, err, "of 2097152 bytes")
	_, err = quick.Open(ctx, ref)
	checkUnavailable(t, err, "in 3 tries")
	srv.Restart()
	checkStored(t, patient, ref, data)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "EOF") {
		t.Errorf("read after close: %v", err)
	}
}

// TestNATSPutsAtOnce puts equal and different archives under one name at once.
func TestNATSPutsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	nc := srv.Connect()
	s := natsStore(t, nc, 5*time.Second)
	if err := s.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	data := noise(200 << 10)
	results := make(chan error)
	const n = 16
	for i := range n {
		go func() {
			_, err := s.Put(ctx, ref, store.DefaultSuffix, strings.NewReader(string(data[:len(data)-i%2])))
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	got, err := readAll(ctx, s, ref)
	if err != nil || len(got) < len(data)-1 || string(got) != string(data[:len(got)]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	info, err := stream(t, srv).Info(ctx)
	if err != nil || info.State.Msgs != 3 {
		t.Errorf("chunks of replaced objects are left: %d messages, %v", info.State.Msgs, err)
	}
}

// TestFullBucket: an upload to a bucket that has reached its limit is refused with what to do, and the
// archives that are stored can be read.
func TestFullBucket(t *testing.T) {
	t.Parallel()
	srv, ctx := bustest.Start(t), bustest.Context(t)
	nc, err := bus.Connect(client.Config{URL: srv.URL(), ArchivesBytes: 1 << 20}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s := natsStore(t, nc, 5*time.Second)
	if err := s.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	small := noise(1_000)
	put(t, s, ref, small)
	large := episode.Ref{Host: "h", ID: "large"}
	_, err = s.Put(ctx, large, store.DefaultSuffix, bytes.NewReader(noise(2<<20)))
	if !errors.Is(err, client.ErrFull) || !strings.Contains(err.Error(), "give it more with NATS_ARCHIVES_BYTES") {
		t.Errorf("an upload without room: %v", err)
	}
	if _, err := readAll(ctx, s, large); !errors.Is(err, episode.ErrNotFound) {
		t.Errorf("an archive that was sent in part: %v", err)
	}
	checkStored(t, s, ref, small)
}

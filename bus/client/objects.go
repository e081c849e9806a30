package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Objects is an object store of JetStream: a bucket of named byte sequences,
// each a message that describes it and as many chunks as it takes. Other clients
// read what this one writes, and the other way about. It is safe for concurrent
// use and starts nothing.
//
// It does not go through the client's own: that one reads by a consumer for each
// object, ends a slow transfer after five seconds, tells a transfer that broke
// off as a wrong digest, and may leave a description whose chunks were lost.
type Objects struct {
	client  *Client
	bucket  string
	timeout time.Duration
}

var (
	// ErrNoObject is the server's word that a bucket has no object of a name.
	ErrNoObject = errors.New("no such object")
	// ErrObjectDamaged matches the error of reading an object to its end and
	// finding that it is not what its description says. Reading it again gives the
	// same.
	ErrObjectDamaged = errors.New("damaged object")
)

const (
	// objectTries is how often one question is asked before there is an error.
	objectTries = 3
	objectPause = 100 * time.Millisecond // before the second try; then twice that, and so on
	objectChunk = 128 << 10              // bytes of a message, as the client's own
)

// Objects returns the object store of a bucket, which need not be there yet. Each
// question waits for its answer at most timeout.
func (c *Client) Objects(bucket string, timeout time.Duration) *Objects {
	return &Objects{client: c, bucket: bucket, timeout: timeout}
}

func (o *Objects) stream() string { return "OBJ_" + o.bucket }
func (o *Objects) description(name string) string {
	return "$O." + o.bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}
func (o *Objects) chunks(nuid string) string { return "$O." + o.bucket + ".C." + nuid }

// Ensure makes the bucket where absent, or with TOPOLOGY=expect waits until it is
// there. What is there stays as it is.
func (o *Objects) Ensure(ctx context.Context) error {
	return o.client.Ensure(ctx, "object store "+o.bucket, func(ctx context.Context) error {
		_, err := o.client.js.Stream(ctx, o.stream())
		if !errors.Is(err, jetstream.ErrStreamNotFound) || o.client.cfg.Topology == TopologyExpect {
			return err
		}
		_, err = o.client.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket:      o.bucket,
			Description: "archives of episodes",
			Storage:     jetstream.FileStorage,
			Replicas:    o.client.cfg.Replicas,
		})
		return err
	})
}

// patiently asks a question a few times, with a Pause between, until there is an
// answer or a refusal.
func (o *Objects) patiently(ctx context.Context, question func(context.Context) error) error {
	wait := objectPause
	for try := 1; ; try++ {
		once, end := context.WithTimeout(ctx, o.timeout)
		err := question(once)
		end()
		switch {
		case err == nil, errors.Is(err, ErrNoObject), errors.Is(err, ErrObjectDamaged), IsRefused(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case try == objectTries:
			return fmt.Errorf("no answer in %d tries: %w", objectTries, err)
		}
		if err := Pause(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
}

// look returns the description of an object and the revision of that, as the
// bucket's leader has them. The error matches ErrNoObject where there is none; the
// revision is that of a deletion then, or 0.
func (o *Objects) look(ctx context.Context, name string) (info jetstream.ObjectInfo, rev uint64, err error) {
	err = o.patiently(ctx, func(ctx context.Context) (err error) {
		info, rev, err = o.ask(ctx, name)
		return err
	})
	return info, rev, err
}

// ask is one try of look.
func (o *Objects) ask(ctx context.Context, name string) (info jetstream.ObjectInfo, rev uint64, err error) {
	msg, ok, err := o.client.LastMsgFromLeader(ctx, o.stream(), o.description(name))
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return info, 0, fmt.Errorf("there is no object store %s: %w", o.bucket, err)
	case err != nil:
		return info, 0, err
	case !ok:
		return info, 0, ErrNoObject
	}
	rev = msg.Sequence
	if err := json.Unmarshal(msg.Data, &info); err != nil {
		return info, rev, fmt.Errorf("%w: its description: %w", ErrObjectDamaged, err)
	}
	switch {
	case info.Deleted:
		return info, rev, ErrNoObject
	case info.NUID == "" || info.Opts != nil && info.Opts.Link != nil:
		return info, rev, fmt.Errorf("%w: its description is that of no archive", ErrObjectDamaged)
	}
	return info, rev, nil
}

// Open returns an object's bytes. Reading goes on as long as ctx does, holds one
// chunk at a time, and gives io.EOF only where size and digest are what the
// description says; otherwise the error matches ErrObjectDamaged. The error of
// Open matches ErrNoObject where the server says that there is no such object.
// Any other, of Open or of reading, means that there was no answer.
func (o *Objects) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	info, _, err := o.look(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open object %s in %s: %w", name, o.bucket, err)
	}
	return &object{ctx: ctx, store: o, info: info, digest: sha256.New()}, nil
}

// An object is one that is being read.
type object struct {
	ctx   context.Context // that of Open
	store *Objects
	info  jetstream.ObjectInfo

	chunk  []byte // of the present one, what was not read yet
	next   uint32 // chunk, counted from 0
	seq    uint64 // of the last chunk in the stream
	size   uint64 // read so far
	digest hash.Hash
	err    error // how it ended
}

// Read implements io.Reader.
func (r *object) Read(p []byte) (int, error) {
	for len(r.chunk) == 0 && r.err == nil {
		if r.err = r.fetch(); r.err != nil && r.err != io.EOF {
			r.err = fmt.Errorf("read object %s in %s, after %d of %d bytes: %w", r.info.Name, r.store.bucket, r.size, r.info.Size, r.err)
		}
	}
	if len(r.chunk) == 0 && r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	return n, nil
}

// Close implements io.Closer.
func (r *object) Close() error {
	r.chunk, r.err = nil, errObjectClosed
	return nil
}

var errObjectClosed = errors.New("the object was closed")

// fetch gets the next chunk, or judges the whole after the last.
func (r *object) fetch() error {
	if r.next == r.info.Chunks {
		if have := digestOf(r.digest); r.size != r.info.Size || have != r.info.Digest {
			return fmt.Errorf("%w: %d bytes of digest %s, but its description says %d of %s", ErrObjectDamaged, r.size, have, r.info.Size, r.info.Digest)
		}
		return io.EOF
	}
	err := r.store.patiently(r.ctx, func(ctx context.Context) (err error) {
		r.chunk, r.seq, err = r.store.chunk(ctx, r.info.NUID, r.seq)
		return err
	})
	if err != nil {
		return fmt.Errorf("chunk %d of %d: %w", r.next+1, r.info.Chunks, err)
	}
	r.next++
	r.size += uint64(len(r.chunk))
	r.digest.Write(r.chunk)
	return nil
}

// chunk returns the first chunk after a sequence, from any replica. That it has
// none passes where the replica lags, or where the object was replaced: then
// opening it again gives the new one.
func (o *Objects) chunk(ctx context.Context, nuid string, after uint64) ([]byte, uint64, error) {
	question, err := json.Marshal(map[string]any{"seq": after + 1, "next_by_subj": o.chunks(nuid)})
	if err != nil {
		return nil, after, err
	}
	msg, err := o.client.Request(ctx, APISubject("DIRECT.GET."+o.stream()), question)
	if err != nil {
		return nil, after, err
	}
	if status := msg.Header.Get("Status"); status != "" && len(msg.Data) == 0 {
		return nil, after, fmt.Errorf("the server says %s %s", status, msg.Header.Get("Description"))
	}
	seq, err := strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil || seq <= after {
		return nil, after, fmt.Errorf("the server's answer has sequence %q", msg.Header.Get(jetstream.SequenceHeader))
	}
	return msg.Data, seq, nil
}

func digestOf(h hash.Hash) string { return "SHA-256=" + base64.URLEncoding.EncodeToString(h.Sum(nil)) }

// Put stores all of r, from its start, under a name, whole or not at all, and
// reports whether it was sent: an object of the same size and digest that is there
// already is left alone. One that is there with other bytes is replaced. r is read
// twice.
func (o *Objects) Put(ctx context.Context, name string, r io.ReadSeeker) (sent bool, err error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("put object %s: %w", name, err)
	}
	digest := sha256.New()
	size, err := io.Copy(digest, r)
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	if err != nil {
		return false, fmt.Errorf("put object %s: %w", name, err)
	}
	want := jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: objectChunk}},
		Bucket:     o.bucket, NUID: nuid.Next(), Size: uint64(size), Digest: digestOf(digest),
	}
	if sent, err = o.put(ctx, want, r); err != nil {
		return false, fmt.Errorf("put object %s in %s: %w", name, o.bucket, err)
	}
	return sent, nil
}

func (o *Objects) put(ctx context.Context, want jetstream.ObjectInfo, r io.Reader) (sent bool, err error) {
	have, rev, err := o.look(ctx, want.Name)
	if err == nil && same(have, want) {
		return false, nil
	}
	if err != nil && !errors.Is(err, ErrNoObject) && !errors.Is(err, ErrObjectDamaged) {
		return false, err
	}
	if want.Chunks, err = o.send(ctx, want, r); err != nil {
		o.forget(ctx, want.NUID)
		return false, err
	}
	// Every chunk was acknowledged, so whoever finds the description finds them.
	data, err := json.Marshal(want)
	if err != nil {
		return false, err
	}
	for {
		_, err := o.client.CompareAndSet(ctx, o.description(want.Name), &Write{Data: data, Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}, rev)
		if err == nil {
			if have.NUID != "" && !have.Deleted {
				o.forget(ctx, have.NUID)
			}
			return true, nil
		}
		if !IsConflict(err) {
			return false, err // perhaps stored, so the chunks stay
		}
		have, rev, err = o.look(ctx, want.Name)
		switch {
		case err == nil && have.NUID == want.NUID: // an earlier try was stored after all
			return true, nil
		case err == nil && same(have, want): // somebody else was quicker
			o.forget(ctx, want.NUID)
			return false, nil
		case err != nil && !errors.Is(err, ErrNoObject) && !errors.Is(err, ErrObjectDamaged):
			return false, err
		}
	}
}

func same(a, b jetstream.ObjectInfo) bool { return a.Size == b.Size && a.Digest == b.Digest }

// send publishes the chunks, each under an id by which one that is sent again is
// stored once, and counts them.
func (o *Objects) send(ctx context.Context, want jetstream.ObjectInfo, r io.Reader) (uint32, error) {
	digest, buf, n := sha256.New(), make([]byte, objectChunk), uint32(0)
	for {
		got, err := io.ReadFull(r, buf)
		if got > 0 {
			msg := nats.NewMsg(o.chunks(want.NUID))
			msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s-%d", want.NUID, n))
			msg.Data = bytes.Clone(buf[:got])
			if _, err := o.client.PublishMsg(ctx, msg); err != nil {
				return 0, err
			}
			digest.Write(buf[:got])
			n++
		}
		switch err {
		case nil:
			continue
		case io.EOF, io.ErrUnexpectedEOF:
		default:
			return 0, err
		}
		if digestOf(digest) != want.Digest {
			return 0, errors.New("it changed while it was read")
		}
		return n, nil
	}
}

// forget removes chunks that no description names. Where that fails they only
// take room.
func (o *Objects) forget(ctx context.Context, nuid string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), o.timeout)
	defer end()
	s, err := o.client.Stream(ctx, o.stream())
	if err == nil {
		err = s.Purge(ctx, jetstream.WithPurgeSubject(o.chunks(nuid)))
	}
	if err != nil {
		o.client.log.Debug("remove chunks", "bucket", o.bucket, "nuid", nuid, "err", err)
	}
}

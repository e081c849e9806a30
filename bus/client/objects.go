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
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
)

// Objects is an object store of JetStream: a bucket of named byte sequences. An object
// is a description and one or more chunks, each a message. The format is that of the
// NATS library, so other clients can read and write the same objects. It is safe for
// concurrent use and starts nothing.
//
// It does not use the library's own code, which creates a consumer for each object
// that is read, ends a slow transfer after five seconds, reports a transfer that broke
// off as a wrong digest, and may leave a description whose chunks were lost.
type Objects struct {
	client  *Client
	bucket  string
	timeout time.Duration
}

var (
	// ErrNoObject means that the server answered that a bucket has no object of a name.
	ErrNoObject = errors.New("no such object")
	// ErrObjectDamaged means that an object was read to its end and is not what its
	// description says. Reading it again gives the same.
	ErrObjectDamaged = errors.New("damaged object")
)

const (
	objectTries = 3                      // how often one request is sent before it fails
	objectPause = 100 * time.Millisecond // before the second try; it doubles after that
	objectChunk = 128 << 10              // bytes of a chunk, as the NATS library has it
)

// ObjectsStream is the name of the stream that stores the objects of a bucket.
func ObjectsStream(bucket string) string { return "OBJ_" + bucket }

// Objects returns the object store of a bucket, which need not exist yet. Each request
// waits for its answer for at most timeout.
func (c *Client) Objects(bucket string, timeout time.Duration) *Objects {
	return &Objects{client: c, bucket: bucket, timeout: timeout}
}

func (o *Objects) stream() string { return ObjectsStream(o.bucket) }
func (o *Objects) description(name string) string {
	return "$O." + o.bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}
func (o *Objects) chunks(nuid string) string { return "$O." + o.bucket + ".C." + nuid }

// Ensure creates the bucket where absent. With TOPOLOGY=expect it waits until the
// bucket exists. Of a bucket that exists it changes only the size, if NATS_ARCHIVES_BYTES is set.
func (o *Objects) Ensure(ctx context.Context) error {
	return o.client.Ensure(ctx, "object store "+o.bucket, func(ctx context.Context) error {
		s, err := o.client.js.Stream(ctx, o.stream())
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound) && o.client.makes():
			return o.create(ctx)
		case err != nil || !o.client.Creates():
			return err
		}
		cfg := s.CachedInfo().Config
		if most := o.client.cfg.ArchivesBytes; most > 0 && most != cfg.MaxBytes {
			cfg.MaxBytes = most
			_, err = o.client.js.UpdateStream(ctx, cfg)
		}
		return err
	})
}

func (o *Objects) create(ctx context.Context) error {
	_, err := o.client.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket:      o.bucket,
		Description: "archives of episodes",
		Storage:     jetstream.FileStorage,
		MaxBytes:    o.client.cfg.ArchivesBytes,
		Replicas:    o.client.cfg.Replicas,
	})
	return err
}

// retry sends a request up to objectTries times, with pauses, until there is an answer
// or a refusal.
func (o *Objects) retry(ctx context.Context, request func(context.Context) error) error {
	pause := wait.Backoff{Min: objectPause}
	for try := 1; ; try++ {
		once, end := context.WithTimeout(ctx, o.timeout)
		err := request(once)
		end()
		switch {
		case err == nil, errors.Is(err, ErrNoObject), errors.Is(err, ErrObjectDamaged), IsRefused(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case try == objectTries:
			return fmt.Errorf("no answer in %d tries: %w", objectTries, err)
		}
		if err := pause.Wait(ctx); err != nil {
			return err
		}
	}
}

// describe returns the description of an object and its revision, as the bucket's
// leader has them. If the object does not exist, the error matches ErrNoObject, and the
// revision is that of its deletion, or 0.
func (o *Objects) describe(ctx context.Context, name string) (info jetstream.ObjectInfo, revision uint64, err error) {
	err = o.retry(ctx, func(ctx context.Context) (err error) {
		info, revision, err = o.describeOnce(ctx, name)
		return err
	})
	return info, revision, err
}

func (o *Objects) describeOnce(ctx context.Context, name string) (info jetstream.ObjectInfo, revision uint64, err error) {
	msg, found, err := o.client.LastMsgFromLeader(ctx, o.stream(), o.description(name))
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return info, 0, fmt.Errorf("there is no object store %s: %w", o.bucket, err)
	case err != nil:
		return info, 0, err
	case !found:
		return info, 0, ErrNoObject
	}
	revision = msg.Sequence
	if err := json.Unmarshal(msg.Data, &info); err != nil {
		return info, revision, fmt.Errorf("%w: its description: %w", ErrObjectDamaged, err)
	}
	switch {
	case info.Deleted:
		return info, revision, ErrNoObject
	case info.Opts != nil && info.Opts.Link != nil:
		return info, revision, fmt.Errorf("%w: it is a link to another object, and links are not followed: store the archive itself under this name", ErrObjectDamaged)
	case info.NUID == "" || strings.ContainsAny(info.NUID, ".*> \t\r\n"): // a wildcard would name the chunks of other objects
		return jetstream.ObjectInfo{}, revision, fmt.Errorf("%w: its description is not that of an archive", ErrObjectDamaged)
	}
	info.Name = name // the description may have another one
	return info, revision, nil
}

// Put stores all of r, from its start, under a name, whole or not at all. An object of
// the same size and digest that exists is left alone; sent is false then. An object
// with other bytes is replaced. r is read twice.
func (o *Objects) Put(ctx context.Context, name string, r io.ReadSeeker) (sent bool, err error) {
	digest := sha256.New()
	size, err := readFromStart(digest, r)
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

func readFromStart(into io.Writer, r io.ReadSeeker) (int64, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(into, r)
}

// put sends the chunks and then the description.
func (o *Objects) put(ctx context.Context, want jetstream.ObjectInfo, r io.Reader) (sent bool, err error) {
	have, revision, err := o.describe(ctx, want.Name)
	if err == nil && isSame(have, want) {
		return false, nil
	}
	if err != nil && !isReplaceable(err) {
		return false, err
	}
	if want.Chunks, err = o.send(ctx, want, r); err != nil {
		o.purge(ctx, want.NUID)
		return false, err
	}
	return o.putDescription(ctx, have, revision, want)
}

// putDescription stores a description by compare-and-set. Every chunk has been
// acknowledged before, so a reader of the description finds the chunks.
func (o *Objects) putDescription(ctx context.Context, have jetstream.ObjectInfo, revision uint64, want jetstream.ObjectInfo) (sent bool, err error) {
	data, err := json.Marshal(want)
	if err != nil {
		return false, err
	}
	w := &Write{Data: data, Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}
	for {
		_, err := o.client.CompareAndSet(ctx, o.description(want.Name), w, revision)
		if err == nil {
			if have.NUID != "" && !have.Deleted {
				o.purge(ctx, have.NUID)
			}
			return true, nil
		}
		if !IsConflict(err) {
			return false, err // the description may be stored, so the chunks stay
		}
		have, revision, err = o.describe(ctx, want.Name)
		switch {
		case err == nil && have.NUID == want.NUID: // an earlier try was stored after all
			return true, nil
		case err == nil && isSame(have, want): // another client was quicker
			o.purge(ctx, want.NUID)
			return false, nil
		case err != nil && !isReplaceable(err):
			return false, err
		}
	}
}

// isReplaceable reports whether an error of describe means that a new object may be
// stored.
func isReplaceable(err error) bool {
	return errors.Is(err, ErrNoObject) || errors.Is(err, ErrObjectDamaged)
}

func isSame(a, b jetstream.ObjectInfo) bool { return a.Size == b.Size && a.Digest == b.Digest }

// send publishes the chunks and counts them. Each has a message id, so that one that is
// sent again is stored once.
func (o *Objects) send(ctx context.Context, want jetstream.ObjectInfo, r io.Reader) (uint32, error) {
	digest, buf, n := sha256.New(), make([]byte, objectChunk), uint32(0)
	for {
		got, err := io.ReadFull(r, buf)
		if got > 0 {
			msg := nats.NewMsg(o.chunks(want.NUID))
			msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s-%d", want.NUID, n))
			msg.Data = bytes.Clone(buf[:got])
			if _, err := o.client.PublishMsg(ctx, msg); errors.Is(err, ErrFull) {
				return 0, fmt.Errorf("bucket %s has no room: %w; give it more with NATS_ARCHIVES_BYTES", o.bucket, err)
			} else if err != nil {
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

// purge removes chunks that no description names. Where that fails they only take
// space.
func (o *Objects) purge(ctx context.Context, nuid string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), o.timeout)
	defer end()
	s, err := o.client.Stream(ctx, o.stream())
	if err == nil {
		err = s.Purge(ctx, jetstream.WithPurgeSubject(o.chunks(nuid)))
	}
	if err != nil {
		o.client.log.Debug("remove chunks", logkey.Bucket, o.bucket, logkey.Object, nuid, logkey.Err, err)
	}
}

func digestOf(h hash.Hash) string { return "SHA-256=" + base64.URLEncoding.EncodeToString(h.Sum(nil)) }

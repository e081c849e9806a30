package client

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// Open returns an object's bytes. The reader holds one chunk at a time and fails when
// ctx ends. It gives io.EOF only if size and digest are those of the description, else
// an error that matches ErrObjectDamaged. The error of Open matches ErrNoObject where
// the server answers that there is no such object. Reading an object whose chunks the
// bucket's leader lacks gives ErrObjectDamaged, too. Any other error, of Open or of
// reading, means that there was no answer.
func (o *Objects) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	info, _, err := o.describe(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open object %s in %s: %w", name, o.bucket, err)
	}
	return &object{ctx: ctx, store: o, info: info, digest: sha256.New()}, nil
}

// An object is an object of the store while it is read.
type object struct {
	ctx   context.Context // that of Open
	store *Objects
	info  jetstream.ObjectInfo

	chunk  []byte    // the part of the present chunk that was not read yet
	next   uint32    // the index of the next chunk
	seq    uint64    // the stream sequence of the present chunk
	size   uint64    // bytes received so far
	digest hash.Hash // of them
	err    error     // the reason why reading ended
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

// fetch receives the next chunk. After the last one it compares size and digest.
func (r *object) fetch() error {
	if r.next == r.info.Chunks {
		if have := digestOf(r.digest); r.size != r.info.Size || have != r.info.Digest {
			return fmt.Errorf("%w: %d bytes of digest %s, but its description says %d of %s", ErrObjectDamaged, r.size, have, r.info.Size, r.info.Digest)
		}
		return io.EOF
	}
	var found bool
	err := r.store.retry(r.ctx, func(ctx context.Context) (err error) {
		r.chunk, r.seq, found, err = r.store.chunk(ctx, r.info.NUID, r.seq)
		return err
	})
	if err == nil && !found {
		err = r.lacksChunk()
	}
	if err != nil {
		return fmt.Errorf("chunk %d of %d: %w", r.next+1, r.info.Chunks, err)
	}
	r.next++
	r.size += uint64(len(r.chunk))
	r.digest.Write(r.chunk)
	return nil
}

// lacksChunk returns the error of an object that has fewer chunks than its description
// says. If the object was replaced while it was read, it is not damaged: open it again.
func (r *object) lacksChunk() error {
	now, _, err := r.store.describe(r.ctx, r.info.Name)
	switch {
	case err != nil:
		return err
	case now.NUID != r.info.NUID:
		return errors.New("the object was replaced while it was read")
	}
	return fmt.Errorf("%w: the bucket's leader does not have it", ErrObjectDamaged)
}

// chunk returns the first chunk after a sequence, from any replica; false if there is
// none. A replica that lags may not have it yet, so only the leader can say that.
func (o *Objects) chunk(ctx context.Context, nuid string, after uint64) (data []byte, seq uint64, found bool, err error) {
	question, err := json.Marshal(map[string]any{"seq": after + 1, "next_by_subj": o.chunks(nuid)})
	if err != nil {
		return nil, after, false, err
	}
	msg, err := o.client.Request(ctx, o.client.APISubject("DIRECT.GET."+o.stream()), question)
	if err != nil {
		return nil, after, false, err
	}
	switch status := msg.Header.Get("Status"); {
	case status == "404" && len(msg.Data) == 0:
		next, found, err := o.client.nextMsgFromLeader(ctx, o.stream(), o.chunks(nuid), after+1)
		if err != nil || !found {
			return nil, after, false, err
		}
		return next.Data, next.Sequence, true, nil
	case status != "" && len(msg.Data) == 0:
		return nil, after, false, fmt.Errorf("the server says %s %s", status, msg.Header.Get("Description"))
	}
	seq, err = strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil || seq <= after {
		return nil, after, false, fmt.Errorf("the server's answer has sequence %q", msg.Header.Get(jetstream.SequenceHeader))
	}
	return msg.Data, seq, true, nil
}

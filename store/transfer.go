package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/cis490/profiles/episode"
)

// errIdle ends a request in which no byte has moved for too long.
var errIdle = errors.New("no byte was received or sent for too long")

// An idleTimeout cancels the context of a request if no byte moves for a while.
type idleTimeout struct {
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	timer  *time.Timer
	after  time.Duration
}

// startIdleTimeout starts a timeout for a request. Call stop when the request has ended.
func startIdleTimeout(ctx context.Context, after time.Duration) *idleTimeout {
	t := &idleTimeout{after: after}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	t.timer = time.AfterFunc(after, func() { t.cancel(fmt.Errorf("%w (%s)", errIdle, after)) })
	return t
}

func (t *idleTimeout) reset() { t.timer.Reset(t.after) }
func (t *idleTimeout) pause() { t.timer.Stop() }
func (t *idleTimeout) stop()  { t.timer.Stop(); t.cancel(nil) }

// cause returns the reason why the request's context has ended, or else err.
func (t *idleTimeout) cause(err error) error {
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	return err
}

// A checksum is compared with the bytes of an object, unless hash is nil.
type checksum struct {
	hash  hash.Hash
	want  []byte
	proof bool // a different sum proves that the object is corrupt
}

// A download is an archive that is received from a server. It returns io.EOF only after all of the
// bytes that the server has declared, and only if they have the checksum.
type download struct {
	name     string // for errors
	body     io.ReadCloser
	idle     *idleTimeout // runs only during a Read: a slow caller is not the server's fault
	size     int64        // as declared, or negative if it is unknown
	checksum checksum
	received int64
	err      error
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	d.idle.reset()
	n, err := d.body.Read(p)
	d.idle.pause()
	d.received += int64(n)
	if d.checksum.hash != nil {
		d.checksum.hash.Write(p[:n])
	}
	switch {
	case err == io.EOF:
		d.err = d.verify()
	case err != nil:
		d.err = d.interrupted(d.idle.cause(err))
	}
	return n, d.err
}

// interrupted returns the error of a download that ended too early. Its chain never has an io.EOF,
// which would mean that the archive itself ends early.
func (d *download) interrupted(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the connection ended")
	}
	return fmt.Errorf("read %s: the transfer broke off after %d of %d bytes: %w", d.name, d.received, d.size, err)
}

// verify returns io.EOF if all bytes were received and have the checksum, if there is one.
func (d *download) verify() error {
	if d.size >= 0 && d.received != d.size {
		return d.interrupted(io.EOF)
	}
	if d.checksum.hash == nil {
		return io.EOF
	}
	switch sum := d.checksum.hash.Sum(nil); {
	case bytes.Equal(sum, d.checksum.want):
		return io.EOF
	case d.checksum.proof:
		return fmt.Errorf("%w: %s has the SHA-256 %x, but the store says %x", episode.ErrCorrupt, d.name, sum, d.checksum.want)
	default: // some servers have ETags that look like an MD5, but are not
		return fmt.Errorf("read %s: its MD5 is %x, but the store's ETag %x", d.name, sum, d.checksum.want)
	}
}

// Close implements io.Closer.
func (d *download) Close() error {
	d.idle.stop()
	return d.body.Close()
}

// An upload is an archive that is sent to a server.
type upload struct {
	r    io.ReadSeeker
	idle *idleTimeout
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.idle.reset()
	return n, err
}

// Seek implements io.Seeker.
func (u *upload) Seek(offset int64, whence int) (int64, error) { return u.r.Seek(offset, whence) }

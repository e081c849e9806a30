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
	"github.com/cis490/profiles/internal/wait"
)

const (
	tries    = 3                      // of one request
	tryPause = 100 * time.Millisecond // before the second; then twice that, and so on
)

// final is an answer that asking again does not change.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// patiently asks a few times, with a pause between, until there is an answer.
func patiently(ctx context.Context, ask func() error) error {
	pause := wait.Backoff{Min: tryPause}
	for try := 1; ; try++ {
		err := ask()
		var f final
		switch {
		case err == nil, errors.Is(err, episode.ErrNotFound):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &f):
			return f.error
		case try == tries:
			return fmt.Errorf("no answer in %d tries: %w", tries, err)
		}
		if err := pause.Wait(ctx); err != nil {
			return err
		}
	}
}

// errSilent ends a transfer in which nothing moves.
var errSilent = errors.New("nothing came or went for too long")

// A watchdog ends a request in which nothing moves for a while.
type watchdog struct {
	ctx   context.Context // of the request
	stop  context.CancelCauseFunc
	timer *time.Timer
	after time.Duration
}

func watch(ctx context.Context, after time.Duration) *watchdog {
	w := &watchdog{after: after}
	w.ctx, w.stop = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(after, func() { w.stop(fmt.Errorf("%w (%s)", errSilent, after)) })
	return w
}

func (w *watchdog) moved() { w.timer.Reset(w.after) }
func (w *watchdog) pause() { w.timer.Stop() }
func (w *watchdog) end()   { w.timer.Stop(); w.stop(nil) }

// cause is err, or what ended the request before.
func (w *watchdog) cause(err error) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return err
}

// A checksum is what an object's bytes are held against; none where hash is nil.
type checksum struct {
	hash  hash.Hash
	want  []byte
	proof bool // another sum proves other bytes
}

// A transfer is an archive on its way from a server. It gives io.EOF only where
// all of the declared size has come and the checksum is right.
type transfer struct {
	what  string
	body  io.ReadCloser
	watch *watchdog
	size  int64 // declared; negative: unknown
	sum   checksum
	read  int64
	err   error
}

// Read implements io.Reader.
func (t *transfer) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	t.watch.moved()
	n, err := t.body.Read(p)
	t.watch.pause()
	t.read += int64(n)
	if t.sum.hash != nil {
		t.sum.hash.Write(p[:n])
	}
	switch {
	case err == io.EOF:
		t.err = t.judge()
	case err != nil:
		t.err = t.broken(t.watch.cause(err))
	}
	return n, t.err
}

// broken says that the transfer ended before the archive did. No io.EOF of any
// kind is in its chain, or the archive would pass for one that ends early.
func (t *transfer) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the connection ended")
	}
	return fmt.Errorf("read %s: the transfer broke off after %d of %d bytes: %w", t.what, t.read, t.size, err)
}

// judge looks at a transfer that says it has ended.
func (t *transfer) judge() error {
	if t.size >= 0 && t.read != t.size {
		return t.broken(io.EOF)
	}
	if t.sum.hash == nil || bytes.Equal(t.sum.hash.Sum(nil), t.sum.want) {
		return io.EOF
	}
	if t.sum.proof {
		return fmt.Errorf("%w: %s has the SHA-256 %x, but the store says %x", episode.ErrCorrupt, t.what, t.sum.hash.Sum(nil), t.sum.want)
	}
	// Not every server's ETag of that length is an MD5, so this proves nothing.
	return fmt.Errorf("read %s: its MD5 is %x, but the store's ETag %x", t.what, t.sum.hash.Sum(nil), t.sum.want)
}

// Close implements io.Closer.
func (t *transfer) Close() error {
	t.watch.end()
	return t.body.Close()
}

// An upload is an archive on its way to a server.
type upload struct {
	r     io.ReadSeeker
	watch *watchdog
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.watch.moved()
	return n, err
}

// Seek implements io.Seeker.
func (u *upload) Seek(offset int64, whence int) (int64, error) { return u.r.Seek(offset, whence) }

package episode

import (
	"context"
	"io"
)

// A Store is where archives are read from. Its methods may be called concurrently.
type Store interface {
	// Open returns the archive of an episode. The caller closes it. The error matches [ErrNotFound]
	// if the store answers that it has no such archive, [ErrCorrupt] if the archive that it has can
	// never be read, and [ErrRefused] if the store answers, but does not give this archive. Any
	// other error, also of reading, means that there was no answer. After all but ErrCorrupt, Open
	// may be called again.
	Open(ctx context.Context, ref Ref) (io.ReadCloser, error)
}

package episode

import "fmt"

// bigRows is how many bytes the rows of an archive may take before the archive counts as big. Up to
// there, any number of archives may be read at once. It is 20 minutes of seven channels at 20 Hz.
const bigRows = 4 << 20

// A budget bounds the memory that the rows of one archive take, over all of its tables.
type budget struct {
	most   int         // cells: Limits.Cells
	cells  int         // taken so far
	window int         // cells that the zstd window takes
	bytes  int         // of the blocks in use
	big    *bigArchive // the archive
}

// windowCell is how many bytes of a big zstd window take one cell. The window is in memory while the
// rows are read, so both must fit together.
const windowCell = 128

// take takes n cells, or gives -n back. If it takes too many, the error matches [ErrTooLarge].
func (b *budget) take(n int) error {
	if b.cells += n; b.cells > b.most-b.window {
		return tooLargef("the telemetry rows take more than %d cells: a row takes one for each wanted channel of its source, at least %d, "+
			"and one if it was dropped%s. Use fewer channels, or raise EPISODE_MAX_CELLS", b.most-b.window, leastCost, b.windowNote())
	}
	return nil
}

// useWindow takes the cells of a zstd window of many bytes, and waits until no other archive is big.
// At least an eighth of the cells is left for rows. An error matches [ErrTooLarge].
func (b *budget) useWindow(bytes uint64) error {
	b.big.become()
	b.window = min(int(bytes/windowCell), b.most-b.most/8)
	return b.take(0)
}

func (b *budget) windowNote() string {
	if b.window == 0 {
		return ""
	}
	return fmt.Sprintf("; the zstd window takes %d of %d. Compress with a smaller window", b.window, b.most)
}

// use counts bytes that are put to use. If they are many, it waits until no other archive is big.
func (b *budget) use(bytes int) {
	if b.bytes += bytes; b.bytes > bigRows {
		b.big.become()
	}
}

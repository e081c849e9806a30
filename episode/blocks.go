package episode

// blockLen is how many values a block of a [blockList] holds. The rows of most episodes fit in two
// blocks.
const blockLen = 512

// keptBlocks is the most blocks of one list that are kept for the next archive: 16,384 rows.
const keptBlocks = 32

// A blockList is a list in blocks of a fixed size. Unlike a slice it never copies its values to a
// place that is twice as large, so a long list takes only as much memory as it needs. The zero value
// is an empty list.
type blockList[T any] struct {
	blocks []*[blockLen]T
	n      int // how many values it has
}

// at returns value i.
func (l *blockList[T]) at(i int) *T { return &l.blocks[i/blockLen][i%blockLen] }

// full reports whether push needs another block.
func (l *blockList[T]) full() bool { return l.n == len(l.blocks)*blockLen }

// push adds a value.
func (l *blockList[T]) push(v T) {
	if l.full() {
		l.blocks = append(l.blocks, new([blockLen]T))
	}
	*l.at(l.n) = v
	l.n++
}

// reset empties the list, and keeps some of its blocks.
func (l *blockList[T]) reset() {
	l.n = 0
	if len(l.blocks) > keptBlocks {
		clear(l.blocks[keptBlocks:])
		l.blocks = l.blocks[:keptBlocks]
	}
}

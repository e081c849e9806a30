package episode

import "runtime"

// bigLock is held by the one archive in the process that is big: its zstd window is over
// Limits.BigWindowBytes, or its rows take much memory.
var bigLock = make(chan struct{}, 1)

// A bigArchive says whether an archive holds bigLock. The zero value does not.
type bigArchive bool

// become waits until no other archive is big. An archive that is big already does not wait.
func (b *bigArchive) become() {
	if !*b {
		bigLock <- struct{}{}
		*b = true
	}
}

// collect frees memory that was dropped, if the archive is big. The garbage collector would let it
// lie until there is as much again.
func (b *bigArchive) collect() {
	if *b {
		runtime.GC()
	}
}

// end lets the next archive be big. The caller must have dropped the memory of this one. It is
// collected at once: the next archive allocates as much, long before the garbage collector would
// run by itself.
func (b *bigArchive) end() {
	if *b {
		*b = false
		runtime.GC()
		<-bigLock
	}
}

// Package synth makes a synthetic store of episodes, for work at scale: any
// number of archives that look like recorded ones, each rendered from nothing
// but a seed, its profile and its number. A store can be written out (Write) or
// rendered archive by archive as it is read (Store); the bytes are the same.
package synth

// Package synth makes synthetic stores of episodes, for demonstrations and for tests at scale: any number of archives that look
// like recorded ones. An archive is computed from a seed, its profile and its number. A store can be written to a disk
// ([Generator.Write]), or each archive can be computed when it is opened ([Store]); the bytes are the same.
package synth

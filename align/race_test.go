//go:build race

package align_test

func init() { underRace = true }

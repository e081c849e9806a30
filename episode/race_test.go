//go:build race

package episode

func init() { underRace = true }

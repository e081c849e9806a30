package draft

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/episode"
)

// canonical are the usual orders of the phases, by how many labels an episode has.
var canonical = map[int][]string{
	5: {string(episode.PhaseClean), string(episode.PhaseArmed), string(episode.PhaseInfecting), string(episode.PhaseRunning), string(episode.PhaseClean)},
	6: {string(episode.PhaseClean), string(episode.PhaseArmed), string(episode.PhaseInfecting), string(episode.PhaseRunning), string(episode.PhaseDormant), string(episode.PhaseClean)},
}

// phases returns the lines of the key phases: the words of a fleet for ours.
func (d *drafter) phases() []line {
	if d.in.Summary.Labels == nil {
		return nil
	}
	walks := wordsOfWalks(d.in.Summary.Walks)
	meaning, guessed := meanings(walks)
	var lines []line
	for _, word := range distinct(walks) {
		switch phase := meaning[word]; {
		case phase == "" && !d.needs(meaning):
			lines = append(lines, line{indent: 1, comment: fmt.Sprintf("%s is not one of the five phases; it ends the phase before it", scalar(word))})
		case phase == "":
			lines = append(lines, line{indent: 1, comment: scalar(word) + ": FILL IN"})
		case phase != word:
			lines = append(lines, line{indent: 1, text: scalar(word) + ": " + phase})
		}
	}
	if d.needs(meaning) {
		d.ask("what do the phases mean? The labels have %s; write under format.phases which of clean, armed, infecting, infected_running and dormant each one is",
			quoted(distinct(walks)))
	}
	if lines == nil {
		return nil
	}
	head := line{text: "phases:"}
	if guessed {
		head.comment = "guess: by the order of the labels"
	}
	if !slices.ContainsFunc(lines, func(l line) bool { return l.text != "" }) {
		head = line{comment: "phases:"}
	}
	return append([]line{head}, lines...)
}

// needs reports whether a phase that every curve needs has no word.
func (d *drafter) needs(meaning map[string]string) bool {
	return !slices.Contains(slices.Collect(maps.Values(meaning)), string(episode.PhaseRunning))
}

// points leaves the slice of a phase out that no archive has, though all words are known.
func (d *drafter) points() []line {
	if d.in.Summary.Labels == nil {
		return nil
	}
	meaning, _ := meanings(wordsOfWalks(d.in.Summary.Walks))
	phases := slices.Collect(maps.Values(meaning))
	if d.needs(meaning) || slices.Contains(phases, string(episode.PhaseArmed)) {
		return nil
	}
	d.ask("no label means armed, so the curve has no slice armed (points: {armed: 0}); if a word means it, write it under format.phases and remove the line")
	return []line{{text: "armed: 0", comment: "guess: no archive has the phase armed"}}
}

// wordsOfWalks returns the phases of each archive in their order, without repeats one after the other.
func wordsOfWalks(walks []inspect.Walk) [][]string {
	var all [][]string
	for _, w := range walks {
		var words []string
		for _, l := range w.Labels {
			if l.Phase != "" && (len(words) == 0 || words[len(words)-1] != l.Phase) {
				words = append(words, l.Phase)
			}
		}
		all = append(all, words)
	}
	return all
}

// distinct returns all words, in the order in which they come first.
func distinct(walks [][]string) []string {
	var words []string
	for _, w := range walks {
		for _, word := range w {
			if !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	return words
}

// meanings returns our phase for each word that has one: words that are ours, or nearly so, and, if none of them is ours, what the
// order of the labels says. guessed says that the order was used.
func meanings(walks [][]string) (meaning map[string]string, guessed bool) {
	known := map[string]string{}
	for _, word := range distinct(walks) {
		if phase := inspect.KnownPhase(word); phase != "" {
			known[word] = phase
		}
	}
	if slices.Contains(slices.Collect(maps.Values(known)), string(episode.PhaseRunning)) && len(known) >= 3 {
		return known, false
	}
	byOrder := guessByOrder(walks, known)
	if byOrder == nil {
		return known, false
	}
	addDormant(walks, byOrder)
	return byOrder, true
}

// guessByOrder returns the meaning that the canonical order gives to the words of most archives; nil if it fits no archive, or if
// archives disagree.
func guessByOrder(walks [][]string, known map[string]string) map[string]string {
	votes := map[string]int{}
	guesses := map[string]map[string]string{}
	for _, words := range walks {
		if m := fitOrder(words, known); m != nil {
			key := fmt.Sprint(m) // in the order of the words
			votes[key]++
			guesses[key] = m
		}
	}
	best := ""
	for _, key := range slices.Sorted(maps.Keys(votes)) {
		if best == "" || votes[key] > votes[best] {
			best = key
		}
	}
	merged := maps.Clone(guesses[best])
	for key, m := range guesses {
		if !agree(guesses[best], m) && 4*votes[key] > votes[best] {
			return nil
		}
		if agree(merged, m) {
			maps.Copy(merged, m)
		}
	}
	return merged
}

// fitOrder returns the meaning of the words of one archive by their order; nil if they don't fit.
func fitOrder(words []string, known map[string]string) map[string]string {
	order := canonical[len(words)]
	if order == nil {
		return nil
	}
	m := map[string]string{}
	for i, word := range words {
		phase, twice := m[word]
		if twice && phase != order[i] || known[word] != "" && known[word] != order[i] {
			return nil
		}
		m[word] = order[i]
	}
	return m
}

// agree reports whether no word has two meanings.
func agree(a, b map[string]string) bool {
	for word, phase := range a {
		if other, ok := b[word]; ok && other != phase {
			return false
		}
	}
	return true
}

// addDormant takes a word without a meaning as dormant if it only comes after the word that means infected_running.
func addDormant(walks [][]string, meaning map[string]string) {
	for _, word := range distinct(walks) {
		if meaning[word] != "" {
			continue
		}
		after := true
		for _, words := range walks {
			running := slices.IndexFunc(words, func(w string) bool { return meaning[w] == string(episode.PhaseRunning) })
			at := slices.Index(words, word)
			if at >= 0 && (running < 0 || at < running || at == len(words)-1) {
				after = false
			}
		}
		if after {
			meaning[word] = string(episode.PhaseDormant)
		}
	}
}

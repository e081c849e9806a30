package draft

import (
	"slices"
	"strings"

	"github.com/cis490/profiles/fit"
)

// profiles returns the lines of the key profiles: those of the list of episodes, each with a channel.
func (d *drafter) profiles() []line {
	names := d.profileNames()
	if names == nil {
		d.ask("which profiles are there? No list of episodes was found: pass it with --validation FILE")
	}
	if names == nil || d.areDefaults(names) {
		if d.hasDefaultChannels() {
			return nil
		}
		names = nil
		for _, p := range d.defaults.Profiles {
			names = append(names, string(p.Name))
		}
	}
	var lines []line
	for _, name := range names {
		if _, err := fit.ParseProfileName(name); err != nil {
			d.ask("profile %s cannot be in a spec: %v", quoted([]string{name}), err)
			continue
		}
		channel, comment := d.channelOf(name)
		if channel == "" {
			d.ask("which channel has the curve of the profiles? No field of the rows looks like one")
			return nil
		}
		d.used = append(d.used, channel)
		lines = append(lines, line{text: "- " + mapping([2]string{"name", scalar(name)}, [2]string{"channel", scalar(channel)}), comment: comment})
	}
	return lines
}

// profileNames returns the profiles of the accepted rows of the list; nil if there is no list.
func (d *drafter) profileNames() []string {
	if d.in.List == nil || len(d.in.List.Profiles) == 0 {
		return nil
	}
	return d.in.List.Profiles
}

// areDefaults reports whether these are the default profiles.
func (d *drafter) areDefaults(names []string) bool {
	if len(names) != len(d.defaults.Profiles) {
		return false
	}
	for _, p := range d.defaults.Profiles {
		if !slices.Contains(names, string(p.Name)) {
			return false
		}
	}
	return true
}

// hasDefaultChannels reports whether the archives have the channels of the default profiles.
func (d *drafter) hasDefaultChannels() bool {
	return !slices.ContainsFunc(d.defaults.Profiles, func(p fit.Profile) bool { return d.channel(p.Channel) == nil })
}

// channelOf chooses the channel of a profile: that of the default profile of the name, or CPU time, or the first counter.
func (d *drafter) channelOf(profile string) (name, comment string) {
	want, isDefault := d.defaults.Profile(fit.ProfileName(profile))
	if !isDefault {
		want = d.defaults.Profiles[0]
	}
	if d.channel(want.Channel) != nil {
		if isDefault {
			return want.Channel, ""
		}
		return want.Channel, "guess: CPU time, if it shows what the profile does"
	}
	system := want.Channel != d.defaults.Profiles[0].Channel
	near := slices.Clone(d.all)
	slices.SortStableFunc(near, func(a, b channel) int { return a.distance() - b.distance() })
	for _, choice := range []struct {
		fits    func(channel) bool
		comment string
	}{
		{func(c channel) bool { return c.counter && isCPU(c) && system && isSystem(c) }, "guess: it looks like CPU time of the system"},
		{func(c channel) bool { return c.counter && isCPU(c) && isUser(c) }, "guess: it looks like CPU time"},
		{func(c channel) bool { return c.counter && isCPU(c) && !isIdle(c) }, "guess: it looks like CPU time"},
		{func(c channel) bool { return c.counter && !isIdle(c) }, "guess: the first field that looks like a counter"},
		{func(c channel) bool { return !c.field.Constant() }, "guess: the first field that is a number"},
	} {
		if i := slices.IndexFunc(near, choice.fits); i >= 0 {
			return near[i].name, choice.comment
		}
	}
	return "", ""
}

// distance is how far a channel is from the malware: 0 in a source about a process, 2 in one about the whole host, else 1.
func (c channel) distance() int {
	source, _, _ := strings.Cut(c.name, ".")
	words := splitWords(source)
	has := func(any ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(any, w) })
	}
	switch {
	case has("proc", "process", "processes", "pid", "task", "child", "cgroup", "sample"):
		return 0
	case has("host", "system", "sys", "node", "machine", "vm", "global"):
		return 2
	}
	return 1
}

func isCPU(c channel) bool {
	return hasWord(c, "cpu", "cputime", "utime", "stime", "jiffies", "ticks")
}

func isUser(c channel) bool { return hasWord(c, "user", "usr", "utime") }

func isSystem(c channel) bool { return hasWord(c, "sys", "system", "stime", "kernel") }

// isIdle reports whether a field counts time in which nothing ran, or only numbers rows or processes.
func isIdle(c channel) bool {
	return hasWord(c, "idle", "iowait", "seq", "index", "id", "pid", "row", "n")
}

func hasWord(c channel, words ...string) bool {
	return slices.ContainsFunc(c.words, func(w string) bool { return slices.Contains(words, w) })
}

// signature returns the lines of the key signature: those of its channels that exist.
func (d *drafter) signature() []line {
	def := d.defaults.Signature.Channels
	have := slices.DeleteFunc(slices.Clone(def), func(name string) bool { return d.channel(name) == nil })
	switch {
	case len(have) == len(def):
		return nil
	case len(have) == 0:
		return []line{{text: "channels: []", comment: "none of the default channels is there; write up to 32, if signatures are wanted"}}
	}
	return []line{{text: "channels: " + list(have), comment: "those of the default that are there"}}
}

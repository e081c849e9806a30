package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cis490/profiles/episode"
)

// A StoreReport is what a directory with archives holds.
type StoreReport struct {
	Hosts      int           `json:"hosts"`
	Files      int           `json:"files"`       // in the folders of hosts
	Suffixes   []SuffixCount `json:"suffixes"`    // the most frequent first
	Twice      int           `json:"twice"`       // episodes that have archives with two suffixes or more
	TwiceFirst string        `json:"twice_first"` // one of them
	LeftOut    []string      `json:"left_out"`    // the first files that lie in no folder of a host, and folders in these
	MoreLeft   int           `json:"more_left"`   // further ones
	Unreadable []Unreadable  `json:"unreadable"`  // archives that were tried and could not be read
	NoCurve    []Unreadable  `json:"no_curve"`    // archives that give no curve, whatever a spec says
	Differ     []string      `json:"differences"` // where archives differ, one sentence each
	Summary    *Summary      `json:"summary"`     // of the archives that were read

	hosts, episodes map[string]bool // ids of the files in the folders of hosts
}

// A SuffixCount counts the files of a suffix.
type SuffixCount struct {
	Suffix  string `json:"suffix"`
	Files   int    `json:"files"`
	Archive bool   `json:"archive"` // it looks like that of archives
}

// An Unreadable is an archive with what is wrong with it.
type Unreadable struct {
	Archive string `json:"archive"`
	Error   string `json:"error"`
}

// StoreConfig says how much of a store is read.
type StoreConfig struct {
	Archives int // how many archives are read; 0 means 20
	Limits   episode.Limits
	Progress func(done, total int) // after each archive, unless nil
}

const (
	usualArchives = 20
	maxLeftOut    = 10
)

// ErrNoArchives is about a directory without archives.
var ErrNoArchives = errors.New("there is no archive: want files <host>/<episode>.tar.zst, or with another suffix, in the folders of hosts")

// Store reads some archives of a directory: of several hosts, and of every suffix that looks like that of archives. The same
// directory gives the same choice. Archives that cannot be read are part of the report. Links are not followed.
func Store(ctx context.Context, dir string, cfg StoreConfig) (*StoreReport, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	defer root.Close()
	r := &StoreReport{LeftOut: []string{}, Unreadable: []Unreadable{}, NoCurve: []Unreadable{}, hosts: map[string]bool{}, episodes: map[string]bool{}}
	files, err := r.list(root.FS())
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", dir, err)
	}
	chosen := choose(files, cmp.Or(cfg.Archives, usualArchives))
	if len(chosen) == 0 {
		return nil, fmt.Errorf("inspect %s: %w", dir, ErrNoArchives)
	}
	var archives []*Archive
	for i, f := range chosen {
		a, err := readFile(ctx, root, f, cfg.Limits)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			r.Unreadable = append(r.Unreadable, Unreadable{f.String(), err.Error()})
		} else {
			archives = append(archives, a)
		}
		if cfg.Progress != nil {
			cfg.Progress(i+1, len(chosen))
		}
	}
	r.Summary = Summarize(archives)
	r.NoCurve = r.Summary.NoCurve()
	r.Differ = r.Summary.differences()
	return r, nil
}

func readFile(ctx context.Context, root *os.Root, f storeFile, limits episode.Limits) (*Archive, error) {
	file, err := root.Open(f.String())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a, err := Read(ctx, file, limits)
	if err != nil {
		return nil, err
	}
	a.Host, a.Episode, a.Suffix = f.host, f.episode, f.suffix
	return a, nil
}

// HasHost reports whether there is a folder with archives of that host.
func (r *StoreReport) HasHost(id string) bool { return r.hosts[id] }

// HasEpisode reports whether any host has an archive of that id.
func (r *StoreReport) HasEpisode(id string) bool { return r.episodes[id] }

// ArchiveSuffixes returns the suffixes of archives, the most frequent first. If none looks like that of archives, it is the most
// frequent one.
func (r *StoreReport) ArchiveSuffixes() []string {
	var all []string
	for _, s := range r.Suffixes {
		if s.Archive {
			all = append(all, s.Suffix)
		}
	}
	if all == nil {
		all = []string{r.Suffixes[0].Suffix}
	}
	return all
}

// A storeFile is a file in the folder of a host.
type storeFile struct {
	host, episode, suffix string
	archive               bool // its suffix looks like that of archives
}

func (f storeFile) String() string { return path.Join(f.host, f.episode+f.suffix) }

// list lists the files of all hosts, in the order of their names, and fills in the counts of the report.
func (r *StoreReport) list(tree fs.FS) ([]storeFile, error) {
	hosts, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, err
	}
	var files []storeFile
	for _, host := range hosts {
		if !host.IsDir() {
			r.leave(host.Name())
			continue
		}
		entries, err := fs.ReadDir(tree, host.Name())
		if err != nil {
			return nil, err
		}
		before := len(files)
		for _, e := range entries {
			f, ok := fileOf(host.Name(), e)
			if !ok {
				r.leave(path.Join(host.Name(), e.Name()))
				continue
			}
			files = append(files, f)
			r.episodes[f.episode] = true
		}
		if len(files) > before {
			r.Hosts++
			r.hosts[host.Name()] = true
		}
	}
	r.Files = len(files)
	r.count(files)
	return files, nil
}

func (r *StoreReport) leave(name string) {
	if len(r.LeftOut) == maxLeftOut {
		r.MoreLeft++
		return
	}
	r.LeftOut = append(r.LeftOut, name)
}

// archiveSuffix matches the usual suffixes of archives.
var archiveSuffix = regexp.MustCompile(`(?i)\.(tar(\.[a-z0-9]+)?|tgz|tzst|taz|tar-[a-z0-9]+)$`)

// fileOf splits the name of a file. Only regular files whose parts are well-formed ids, with a suffix, may be archives.
func fileOf(host string, e fs.DirEntry) (storeFile, bool) {
	name := e.Name()
	suffix := archiveSuffix.FindString(name)
	f := storeFile{host: host, archive: suffix != ""}
	if suffix == "" {
		suffix = path.Ext(name)
	}
	f.suffix = suffix
	f.episode = strings.TrimSuffix(name, suffix)
	_, err := episode.ParseRef(host, f.episode)
	return f, e.Type().IsRegular() && suffix != "" && err == nil
}

// count counts the suffixes, and the episodes that have several archives.
func (r *StoreReport) count(files []storeFile) {
	counts := map[string]*SuffixCount{}
	seen := map[string]bool{}
	for _, f := range files {
		c := counts[f.suffix]
		if c == nil {
			c = &SuffixCount{Suffix: f.suffix, Archive: f.archive}
			counts[f.suffix] = c
		}
		c.Files++
		if !f.archive {
			continue
		}
		name := path.Join(f.host, f.episode)
		if seen[name] {
			r.Twice++
			r.TwiceFirst = cmp.Or(r.TwiceFirst, name)
		}
		seen[name] = true
	}
	for _, c := range counts {
		r.Suffixes = append(r.Suffixes, *c)
	}
	slices.SortFunc(r.Suffixes, func(a, b SuffixCount) int {
		return cmp.Or(cmp.Compare(b.Files, a.Files), strings.Compare(a.Suffix, b.Suffix))
	})
}

// choose returns at most n files: archives by their suffix or, if there are none, all files. It takes some of each host, spread
// over the files of the host, and at least one of each suffix.
func choose(files []storeFile, n int) []storeFile {
	archives := slices.DeleteFunc(slices.Clone(files), func(f storeFile) bool { return !f.archive })
	if len(archives) == 0 {
		archives = files
	}
	groups := groupFiles(archives, n)
	if len(groups) > n {
		groups = groups[:n]
	}
	// The smallest group first: what it does not need is for the others.
	slices.SortStableFunc(groups, func(a, b []storeFile) int { return cmp.Compare(len(a), len(b)) })
	var chosen []storeFile
	for i, g := range groups {
		chosen = append(chosen, spread(g, (n-len(chosen))/(len(groups)-i))...)
	}
	slices.SortFunc(chosen, func(a, b storeFile) int { return strings.Compare(a.String(), b.String()) })
	return chosen
}

// groupFiles returns the files by host and suffix: one group of each suffix, and others that are spread over all, up to most.
func groupFiles(files []storeFile, most int) [][]storeFile {
	type key struct{ host, suffix string }
	index := map[key]int{}
	suffixes := map[string]bool{}
	var firsts, others []key
	var groups [][]storeFile
	for _, f := range files {
		k := key{f.host, f.suffix}
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
			if suffixes[f.suffix] {
				others = append(others, k)
			} else {
				firsts = append(firsts, k)
			}
			suffixes[f.suffix] = true
		}
		groups[i] = append(groups[i], f)
	}
	ordered := make([][]storeFile, 0, len(groups))
	for _, k := range append(firsts, spread(others, max(0, most-len(firsts)))...) {
		ordered = append(ordered, groups[index[k]])
	}
	return ordered
}

// spread returns n elements that are spread over all, or all of them.
func spread[T any](all []T, n int) []T {
	if n >= len(all) {
		return all
	}
	some := make([]T, n)
	for i := range n {
		some[i] = all[i*len(all)/n]
	}
	return some
}

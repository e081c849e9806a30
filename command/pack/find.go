package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/cis490/profiles/episode"
)

// A foundEpisode is a folder that becomes an archive.
type foundEpisode struct {
	folder string   // <host>/<episode>
	files  []string // below the folder, with slashes, in the order of their names
}

// found is what lies in a folder of hosts.
type found struct {
	hosts    int
	episodes []foundEpisode
	leftOut  []string // files that belong to no episode
}

// maxFaults is how many things that cannot be packed an error names.
const maxFaults = 10

// find finds all episodes below root. Its error names what cannot be packed.
func find(root *os.Root) (found, error) {
	f := finder{tree: root.FS(), found: found{leftOut: []string{}}}
	if err := f.hosts(); err != nil {
		return found{}, err
	}
	if n := len(f.faults); n > maxFaults {
		f.faults = append(f.faults[:maxFaults], fmt.Errorf("and %d more", n-maxFaults))
	}
	if len(f.faults) > 0 {
		return found{}, errors.Join(f.faults...)
	}
	if len(f.found.episodes) == 0 {
		return found{}, errors.New("there is no episode: want a folder <host>/<episode>/ with the files of each episode")
	}
	return f.found, nil
}

// A finder walks through the folders of hosts and episodes.
type finder struct {
	tree   fs.FS
	found  found
	faults []error
}

func (f *finder) fault(format string, args ...any) {
	f.faults = append(f.faults, fmt.Errorf(format, args...))
}

func (f *finder) hosts() error {
	return f.folders(".", func(host string) error {
		if _, err := episode.ParseRef(host, "x"); err != nil {
			f.fault("folder %q: a host id has letters, digits, dots, _ and -, at most 128, and begins with a letter or digit; give it another name", host)
			return nil
		}
		before := len(f.found.episodes)
		err := f.folders(host, func(id string) error { return f.episode(host, id) })
		if len(f.found.episodes) > before {
			f.found.hosts++
		}
		return err
	})
}

// folders calls visit for each folder in a folder. Files are left out, and anything else is a fault.
func (f *finder) folders(in string, visit func(name string) error) error {
	entries, err := fs.ReadDir(f.tree, in)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(in, e.Name())
		switch {
		case e.IsDir():
			if err := visit(e.Name()); err != nil {
				return err
			}
		case e.Type().IsRegular():
			f.found.leftOut = append(f.found.leftOut, name)
		default:
			f.refuse(name, e.Type())
		}
	}
	return nil
}

// episode finds the files of one episode, in all folders below its own.
func (f *finder) episode(host, id string) error {
	e := foundEpisode{folder: path.Join(host, id)}
	if _, err := episode.ParseRef(host, id); err != nil {
		f.fault("folder %q: an episode id has letters, digits, dots, _ and -, at most 128, and begins with a letter or digit; give it another name", e.folder)
		return nil
	}
	err := fs.WalkDir(f.tree, e.folder, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
		case d.Type().IsRegular():
			e.files = append(e.files, strings.TrimPrefix(name, e.folder+"/"))
		default:
			f.refuse(name, d.Type())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(e.files) == 0 {
		f.fault("folder %q has no file: an episode needs its files; remove the folder if it is no episode", e.folder)
	}
	f.found.episodes = append(f.found.episodes, e)
	return nil
}

// refuse records something that is neither a file nor a folder.
func (f *finder) refuse(name string, kind fs.FileMode) {
	what := "is neither a file nor a folder; remove it"
	if kind&fs.ModeSymlink != 0 {
		what = "is a link, and an archive must not depend on what it points to; put a copy of the file in its place"
	}
	f.fault("%q %s", name, what)
}

package synth

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/internal/atomicfile"
)

// Write writes a store into dir, on all cores: dir/store/<host>/<id>.tar.zst,
// the first perProfile episodes of each of profiles (none named: all of
// Profiles), and, last, dir/validation.parquet, which lists them all as
// accepted. Folders are made; files that are there are written anew. Every file
// gets its name only when it is whole, so a Write that was cut short leaves no
// broken archive, and no validation file that names what isn't there.
//
// progress, where not nil, is called after each archive with how many are done
// of how many; calls come one at a time, done rising. An error of the disk or
// the end of ctx stops the work.
func (g *Generator) Write(ctx context.Context, dir string, perProfile int, profiles []string, progress func(done, total int)) error {
	profiles, err := checkStore(perProfile, profiles)
	if err != nil {
		return err
	}
	store := filepath.Join(dir, "store")
	for n := range hosts {
		if err := os.MkdirAll(filepath.Join(store, hostName(n)), 0o755); err != nil {
			return fmt.Errorf("make synthetic store: %w", err)
		}
	}
	var mu sync.Mutex
	done, total := 0, perProfile*len(profiles)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range perProfile {
		for _, profile := range profiles {
			if ctx.Err() != nil {
				break
			}
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := g.writeArchive(store, profile, i); err != nil {
					return fmt.Errorf("make synthetic store: %w", err)
				}
				mu.Lock()
				defer mu.Unlock()
				done++
				if progress != nil {
					progress(done, total)
				}
				return nil
			})
		}
	}
	err = group.Wait()
	if err == nil && done < total { // the loop above saw the end of ctx first
		err = context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	if err := g.writeValidation(filepath.Join(dir, "validation.parquet"), perProfile, profiles); err != nil {
		return fmt.Errorf("make synthetic store: %w", err)
	}
	return nil
}

func (g *Generator) writeArchive(store, profile string, i int) error {
	host, id := g.Ref(profile, i)
	return atomicfile.WriteUnsynced(filepath.Join(store, host, id+".tar.zst"), 0o644, func(w io.Writer) error { return g.Archive(w, profile, i) })
}

// listed is a row of the validation file.
type listed struct {
	Episode string `parquet:"episode_id,zstd"`
	Host    string `parquet:"host_id,dict,zstd"`
	Profile string `parquet:"profile,dict,zstd"`
	Status  string `parquet:"status,dict,zstd"`
}

func (g *Generator) writeValidation(path string, perProfile int, profiles []string) error {
	return atomicfile.WriteUnsynced(path, 0o644, func(w io.Writer) error {
		p := parquet.NewGenericWriter[listed](w, parquet.MaxRowsPerRowGroup(1<<20))
		row := make([]listed, 1)
		for i := range perProfile {
			for _, profile := range profiles {
				host, id := g.Ref(profile, i)
				row[0] = listed{id, host, profile, "accepted"}
				if _, err := p.Write(row); err != nil {
					return err
				}
			}
		}
		return p.Close()
	})
}

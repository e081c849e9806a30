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

// Write writes a store into dir, on all cores: dir/store/<host>/<id>.tar.zst, the first perProfile episodes of each of the
// profiles (all of [Profiles] if profiles is empty), and after them dir/validation.parquet, which lists all of them as accepted.
// Folders are made, and files that are there are replaced. A file gets its name only when it is whole
// ([atomicfile.WriteUnsynced]), so an interrupted Write leaves no broken archive, and no validation file that lists archives
// which are not there.
//
// progress, unless nil, is called after each archive with the number of archives that are written and of all; calls come one at a
// time, with done rising. A write error or the end of ctx stops the work.
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
	if err := g.writeArchives(ctx, store, perProfile, profiles, progress); err != nil {
		return err
	}
	if err := g.writeValidation(filepath.Join(dir, "validation.parquet"), perProfile, profiles); err != nil {
		return fmt.Errorf("make synthetic store: %w", err)
	}
	return nil
}

// writeArchives writes all archives, on all cores.
func (g *Generator) writeArchives(ctx context.Context, store string, perProfile int, profiles []string, progress func(done, total int)) error {
	var mu sync.Mutex
	done, total := 0, perProfile*len(profiles)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for n := 0; n < total && ctx.Err() == nil; n++ {
		profile, i := profiles[n%len(profiles)], n/len(profiles)
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
	err := group.Wait()
	if err == nil && done < total { // ctx ended between two archives
		err = context.Cause(ctx)
	}
	return err
}

// writeArchive writes one archive, without waiting for the disk: after a loss of power the store can be written again.
func (g *Generator) writeArchive(store, profile string, i int) error {
	host, id := g.Ref(profile, i)
	return atomicfile.WriteUnsynced(filepath.Join(store, host, id+".tar.zst"), 0o644, func(w io.Writer) error { return g.Archive(w, profile, i) })
}

// A listed is one row of the validation file.
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

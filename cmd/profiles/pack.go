package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/pack"
)

type packOptions struct {
	dir   string
	store string
	json  bool
}

func packCommand() command {
	o := &packOptions{}
	cmd := &cobra.Command{
		Use:   "pack DIR --out STORE [flags]",
		Short: "make archives of episodes that lie in folders",
		Long: `pack makes an archive of each episode that lies in a folder of its own: the files in
DIR/<host>/<episode>/ become STORE/<host>/<episode>.tar.zst. Files in folders below keep
their path.

The same files give the same bytes. An archive that is there with the same content is left
as it is, one with other content is replaced, and no archive is ever seen half written.
Links, and other things that are neither files nor folders, are refused; then nothing is
written. Files that lie beside the folders of hosts and episodes are left out, and named.`,
		Example: `  profiles pack recordings --out store
  profiles inspect store
  profiles pack recordings --out store --json | jq .written`,
		Args: fileArgument(&o.dir, "DIR"),
	}
	f := cmd.Flags()
	f.StringVar(&o.store, "out", "", "directory `STORE` to write into; it is made if missing")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *packOptions) validate() error {
	if o.store == "" {
		return errors.New("--out STORE is missing")
	}
	return nil
}

func (o *packOptions) run(ctx context.Context, t *terminal) error {
	packing := t.progress("packing episodes")
	s, err := pack.Pack(ctx, o.dir, o.store, packing.set)
	packing.end()
	if err != nil {
		return err
	}
	return t.print(o.json, s, func(out io.Writer) error {
		for _, name := range s.LeftOut {
			fmt.Fprintf(out, "left out: %q lies in no folder of an episode\n", name)
		}
		_, err := fmt.Fprintf(out, "%d archives of %d hosts in %s: %d written, %d replaced, %d left as they were\n",
			s.Written+s.Replaced+s.Same, s.Hosts, o.store, s.Written, s.Replaced, s.Same)
		return err
	})
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/command/batch"
)

type exportOptions struct {
	bus        busFlags
	spec       string
	out        string
	signatures string
}

func exportCommand(t *terminal) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export [--fit-out FILE] [--spec FILE] [flags]",
		Short: "write the live envelopes as the same parquet file that fit writes",
		Long: `export reads the envelopes of a running system and writes them as fit does. It
takes those of the generation that the system wants (the spec of the highest
revision), or with --spec those of that spec.

After "profiles status --wait" the files equal those of "profiles fit" over the
same episodes, in every value. Signatures are a moment behind the envelopes: it
waits for them.`,
		Example: `  profiles export --fit-out live.parquet
  profiles status --wait && profiles export`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "fit-out", defaultTable, "parquet `FILE` to write")
	addSignaturesFlag(f, &o.signatures)
	f.StringVar(&o.spec, "spec", "", "take the envelopes of the spec in this `FILE` (default: of the wanted one)")
	o.bus.add(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), t, o) }
	return cmd
}

func runExport(ctx context.Context, t *terminal, o exportOptions) error {
	choose, err := o.chooser()
	if err != nil {
		return err
	}
	b, err := o.bus.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	specs, err := b.ReadSpecs(ctx)
	if client.IsAbsent(err) {
		return errNoGeneration
	}
	if err != nil {
		return err
	}
	generation, err := choose(specs)
	if err != nil {
		return err
	}
	var results []result
	for _, p := range generation.Spec.Profiles {
		envelope, _, err := b.ReadEnvelope(ctx, generation.ID, p.Name)
		if err != nil {
			return err
		}
		results = append(results, result{profile: p, envelope: envelope.Envelope})
	}
	if o.signatures != "" {
		all := signatureFile{Generation: generation.Base, Points: generation.Spec.Points}
		for i, p := range generation.Spec.Profiles {
			summary, err := signatureOf(ctx, b, generation.ID, p.Name, results[i].envelope)
			if err != nil {
				return err
			}
			all.add(p, summary)
		}
		if err := all.save(o.signatures); err != nil {
			return err
		}
	}
	return save(t, o.out, results, generation.Base, batch.BottomK)
}

var errNoGeneration = errors.New("the bus knows no generation yet: no worker has run there")

// chooser says which generation to export.
func (o *exportOptions) chooser() (func(*bus.Specs) (bus.Generation, error), error) {
	if o.spec == "" {
		return func(specs *bus.Specs) (bus.Generation, error) {
			g, ok := specs.Wanted()
			if !ok {
				return g, errNoGeneration
			}
			return g, nil
		}, nil
	}
	spec, err := loadSpec(o.spec)
	if err != nil {
		return nil, err
	}
	limits, err := limits()
	if err != nil {
		return nil, err
	}
	base := (&align.Fitter{Spec: spec, Limits: limits}).Generation(0)
	return func(specs *bus.Specs) (bus.Generation, error) {
		g, ok := specs.Latest(base)
		if !ok {
			return g, fmt.Errorf("the bus knows no generation of %s (%s): no worker has run with it", o.spec, base)
		}
		return g, nil
	}, nil
}

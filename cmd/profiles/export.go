package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/fit"
)

type exportOptions struct {
	nats       natsFlags
	spec       string
	out        string
	signatures string
}

func exportCommand() command {
	o := &exportOptions{}
	cmd := &cobra.Command{
		Use:   "export [--fit-out FILE] [--spec FILE] [flags]",
		Short: "write the live envelopes into the same parquet file that fit writes",
		Long: `export reads the envelopes of a running system and writes them as fit does. It takes
the envelopes of the wanted generation, that is the spec of the highest revision, or
with --spec those of the given spec.

After "profiles status --wait" its files equal those of "profiles fit" over the same
episodes, in every value. A signature is stored a moment after its envelope; export
waits for it.`,
		Example: `  profiles export --fit-out live.parquet
  profiles status --wait && profiles export`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "fit-out", defaultTable, "parquet `FILE` to write; - is standard output, and the JSON object goes to stderr")
	addSignaturesFlag(f, &o.signatures)
	f.StringVar(&o.spec, "spec", "", "export the envelopes of the fit spec in this `FILE` (default: the wanted one)")
	o.nats.add(f)
	return command{cmd, nil, o.run}
}

func (o *exportOptions) run(ctx context.Context, t *terminal) error {
	base, err := o.base()
	if err != nil {
		return err
	}
	if err := t.checkStdout(o.out); err != nil {
		return err
	}
	b, err := o.nats.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	generation, err := o.generation(ctx, b, base)
	if err != nil {
		return err
	}
	var results []result
	for _, p := range generation.Spec.Profiles {
		envelope, _, err := b.ReadEnvelope(ctx, generation.ID, p.Name)
		if err != nil {
			return err
		}
		results = append(results, result{profile: p, unit: generation.Spec.Channel(p.Channel).Unit, envelope: envelope.Envelope})
	}
	if o.signatures != "" {
		if err := o.exportSignatures(ctx, b, generation, results); err != nil {
			return err
		}
	}
	return save(t, o.out, results, nil, generation.Base, batch.BottomK)
}

// base returns the base of the generations of --spec; empty without --spec.
func (o *exportOptions) base() (fit.Generation, error) {
	if o.spec == "" {
		return "", nil
	}
	spec, err := loadSpec(o.spec)
	if err != nil {
		return "", err
	}
	limits, err := limits()
	if err != nil {
		return "", err
	}
	return spec.Generation(limits, 0), nil
}

var errNoGeneration = errors.New("no generation is registered yet: no worker has run with this NATS")

// generation returns the latest generation of a base, or the wanted generation if base
// is empty.
func (o *exportOptions) generation(ctx context.Context, b *bus.Bus, base fit.Generation) (bus.Generation, error) {
	specs, err := b.ReadSpecs(ctx)
	if client.IsAbsent(err) {
		return bus.Generation{}, errNoGeneration
	}
	if err != nil {
		return bus.Generation{}, err
	}
	if base == "" {
		g, ok := specs.Wanted()
		if !ok {
			return g, errNoGeneration
		}
		return g, nil
	}
	g, ok := specs.Latest(base)
	if !ok {
		return g, fmt.Errorf("no generation of %s (%s) is registered: no worker has run with it", o.spec, base)
	}
	return g, nil
}

func (o *exportOptions) exportSignatures(ctx context.Context, b *bus.Bus, g bus.Generation, results []result) error {
	file := signatureFile{Generation: g.Base, Points: g.Spec.Points}
	var digests []fit.Digest
	for _, r := range results {
		digests = append(digests, r.envelope.Digest)
		summary, err := waitForSignature(ctx, b, g.ID, r.profile.Name, r.envelope)
		if err != nil {
			return err
		}
		file.add(r.profile, summary)
	}
	measured, has, err := waitForScores(ctx, b, g, digests)
	if err != nil {
		return err
	}
	if has {
		file.setMeasured(measured)
	}
	return file.save(o.signatures)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/model"
	"github.com/cis490/profiles/signature"
)

// A signatureFile is the JSON file that fit and export write with --signatures-out and
// that plot reads: the signature of each sample, without the drift, and how good the models
// of the samples are.
type signatureFile struct {
	Generation fit.Generation     `json:"generation"`
	Points     fit.Points         `json:"points"`
	Profiles   []profileSignature `json:"profiles"`
	Measured   *model.Measured    `json:"measured,omitempty"` // of the models of all samples, without latencies; nil without a layout
}

type profileSignature struct {
	Profile   fit.ProfileName   `json:"profile"`
	Signature signature.Summary `json:"signature"`
}

func addSignaturesFlag(f *pflag.FlagSet, to *string) {
	f.StringVar(to, "signatures-out", "", "also write the signatures into this JSON `FILE` (docs/SIGNATURES.md)")
}

// add adds a profile, unless its sample is empty.
func (s *signatureFile) add(p fit.Profile, summary signature.Summary) {
	if summary.Used > 0 {
		s.Profiles = append(s.Profiles, profileSignature{p.Name, summary})
	}
}

// measure adds the figures of the models of samples.
func (s *signatureFile) measure(ctx context.Context, spec *fit.Spec, fitted []batch.Fitted) error {
	layout := model.SampleLayout(spec)
	if layout.Validate() != nil {
		return nil
	}
	var examples []model.Example
	for _, f := range fitted {
		examples = append(examples, model.ExamplesOf(layout, f.Profile.Name, f.Members)...)
	}
	stop := func() error { return context.Cause(ctx) }
	sampled, err := model.NewSampled(stop, layout, examples)
	if err != nil {
		return err
	}
	measured, err := sampled.Measure(stop, func() time.Duration { return 0 })
	if err != nil {
		return err
	}
	s.setMeasured(measured)
	return nil
}

// setMeasured sets the figures, without the latencies, which are never equal.
func (s *signatureFile) setMeasured(m model.Measured) {
	for i := range m.Models {
		m.Models[i].Latency = model.Latency{}
	}
	s.Measured = &m
}

// save writes the file completely or not at all.
func (s *signatureFile) save(path string) error {
	return atomicfile.Write(path, 0o644, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
}

func loadSignatures(path string) (*signatureFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s signatureFile
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s is not a file of signatures that fit or export wrote: %w", path, err)
	}
	return &s, nil
}

// signatureTimeout is how long export waits for the signature of an envelope.
const signatureTimeout = time.Minute

// waitForSignature waits until the signature of the envelope's sample is stored and
// returns it.
func waitForSignature(ctx context.Context, b *bus.Bus, gen fit.Generation, p fit.ProfileName, e fit.Envelope) (signature.Summary, error) {
	if e.Used == 0 {
		return signature.Summary{}, nil
	}
	waiting, cancel := context.WithTimeoutCause(ctx, signatureTimeout,
		fmt.Errorf("%s has no signature of its present sample: run `profiles status --wait` first", p))
	defer cancel()
	for {
		s, whole, err := signatures.Read(ctx, b, gen, p)
		if err != nil || whole && s.Digest == e.Digest {
			return s.Summary, err
		}
		if err := wait.For(waiting, 50*time.Millisecond); err != nil {
			return signature.Summary{}, err
		}
	}
}

// waitForScores waits until the models of the present samples are measured and returns their
// figures; false if the spec has no channels to classify by.
func waitForScores(ctx context.Context, b *bus.Bus, g bus.Generation, digests []fit.Digest) (model.Measured, bool, error) {
	if model.SampleLayout(&g.Spec).Validate() != nil {
		return model.Measured{}, false, nil
	}
	digest := signatures.DigestOfSamples(digests)
	waiting, cancel := context.WithTimeoutCause(ctx, signatureTimeout,
		errors.New("the models of the present samples are not measured: run `profiles status --wait` first"))
	defer cancel()
	for {
		s, ok, err := signatures.ReadScores(ctx, b, g.ID)
		if err != nil {
			return model.Measured{}, false, err
		}
		if ok && s.Digest == digest && s.Layout == model.LayoutVersion {
			m := model.Measured{Models: s.Models, WithGaps: s.WithGaps, Suspects: []model.Suspect{}}
			for _, x := range s.Suspects {
				m.Suspects = append(m.Suspects, model.Suspect{Host: x.Host, Episode: x.Episode, Profile: x.Profile, LooksLike: x.Said})
			}
			return m, true, nil
		}
		if err := wait.For(waiting, 50*time.Millisecond); err != nil {
			return model.Measured{}, false, err
		}
	}
}

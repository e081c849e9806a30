package worker

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/model"
)

// A sampleModel is the model of the members of the samples. It is safe for concurrent
// use.
type sampleModel struct {
	layout  model.Layout
	labels  atomic.Pointer[model.Labels] // nil until the first was made
	changed chan struct{}                // gets a value when a sample has changed
	digest  fit.Digest                   // of the samples of labels; only modelLoop uses it
}

func newSampleModel(spec *fit.Spec) *sampleModel {
	return &sampleModel{layout: model.SampleLayout(spec), changed: make(chan struct{}, 1)}
}

// noteChange notes that a sample may have changed.
func (m *sampleModel) noteChange() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// A measurement classifies every member with the model of all others, and must not keep a core
// from envelopes. So modelLoop waits until no sample has changed for modelQuiet, at most for
// modelPatience. After a measurement it rests for modelRestRatio times as long as that took.
const (
	modelQuiet     = time.Second
	modelPatience  = 15 * time.Second
	modelRestRatio = 9
)

// modelLoop keeps the model and its scores up to date with the samples.
func (s *session) modelLoop(ctx context.Context) error {
	if s.models.layout.Validate() != nil {
		<-ctx.Done() // the spec has no signature, or one point of the run, so there is nothing to classify by
		return nil
	}
	s.models.noteChange()
	s.metrics.modelsChecked.SetToCurrentTime() // the time without scores counts from here
	for {
		select {
		case <-s.models.changed:
		case <-ctx.Done():
			return nil
		}
		if wait.ForQuiet(ctx, s.models.changed, modelQuiet, modelPatience) != nil {
			return nil
		}
		began := time.Now()
		switch err := s.updateModel(ctx); {
		case endsSession(err):
			return err
		case err == nil:
			s.metrics.modelsChecked.Set(unixSeconds(began))
		case ctx.Err() == nil:
			s.logger.Warn("measure the models", logkey.Err, err)
		}
		if wait.For(ctx, modelRestRatio*time.Since(began)) != nil {
			return nil
		}
	}
}

// updateModel makes the models of the samples as the view has them. Unless their scores are
// stored, it measures them and writes the scores.
func (s *session) updateModel(ctx context.Context) error {
	examples, stamp, err := s.examples()
	if err != nil {
		return err
	}
	scores, found, err := signatures.ReadScores(ctx, s.bus, s.gen.ID)
	if err != nil {
		return err
	}
	// A worker of an earlier release, which has no layout, may have written the scores of these samples.
	current := found && scores.Digest == stamp.Digest && scores.Layout == model.LayoutVersion
	if current && stamp.Digest == s.models.digest {
		return nil
	}
	made, err := model.NewSampled(stopOf(ctx), s.models.layout, examples)
	if err != nil {
		return err
	}
	s.models.labels.Store(made.Labels)
	if !current {
		if scores, err = s.writeScores(ctx, made, stamp, scores.Suspects); err != nil {
			return err
		}
	}
	s.showScores(scores)
	s.models.digest = stamp.Digest
	return nil
}

// stopOf returns a function that returns an error once the context has ended.
func stopOf(ctx context.Context) func() error { return func() error { return context.Cause(ctx) } }

// examples returns the members of all samples as examples of a model, and what they
// were taken from.
func (s *session) examples() ([]model.Example, signatures.Stamp, error) {
	var examples []model.Example
	var asOf client.AsOf
	var digests []fit.Digest
	for _, p := range s.spec.Profiles {
		from, err := s.members(p.Name)
		if err != nil {
			return nil, signatures.Stamp{}, err
		}
		if asOf.Incarnation == "" {
			asOf = from.asOf // the first is the earliest
		}
		digests = append(digests, from.digest)
		examples = append(examples, model.ExamplesOf(s.models.layout, p.Name, from.all)...)
	}
	return examples, signatures.Stamp{Digest: signatures.DigestOfSamples(digests), AsOf: asOf}, nil
}

// writeScores measures a model, writes its scores and returns them. It reports the
// suspects that were not among those before.
func (s *session) writeScores(ctx context.Context, made model.Sampled, stamp signatures.Stamp, before []bus.Suspect) (signatures.Scores, error) {
	began := time.Now()
	measured, err := made.Measure(stopOf(ctx), func() time.Duration { return time.Since(began) })
	if err != nil {
		return signatures.Scores{}, err
	}
	scores := signatures.Scores{Layout: model.LayoutVersion, Models: measured.Models, WithGaps: measured.WithGaps, Suspects: []bus.Suspect{}, Stamp: stamp}
	for _, suspect := range measured.Suspects {
		scores.Suspects = append(scores.Suspects, busSuspect(suspect))
	}
	scores.UpdatedAt = time.Now().UTC()
	written, err := signatures.WriteScores(ctx, s.bus, s.gen.ID, scores)
	if err != nil || !written {
		return scores, s.raiseIfTruncated(ctx, err)
	}
	for _, suspect := range scores.Suspects {
		if !slices.Contains(before, suspect) {
			s.reportSuspect(ctx, suspect)
		}
	}
	return scores, nil
}

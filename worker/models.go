package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
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
	current atomic.Pointer[model.Model] // nil until the first was made
	changed chan struct{}               // gets a value when a sample has changed
	digest  fit.Digest                  // of the samples of current; only modelLoop uses it
}

// maxModelMembers is how many members of a profile are in the model, at most: those of
// lowest rank, which are a uniform random sample of all. The time to measure a model
// grows with the square of it.
const maxModelMembers = 250

func newSampleModel(spec *fit.Spec) *sampleModel {
	return &sampleModel{changed: make(chan struct{}, 1), layout: model.Layout{
		Features: model.Levels, Resample: string(spec.Signature.Resample), Channels: spec.Signature.Channels, Points: spec.Points,
	}}
}

// noteChange notes that a sample may have changed.
func (m *sampleModel) noteChange() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// modelRestRatio is how long modelLoop rests after a measurement, as a multiple of the
// time that the measurement took. It is long because a measurement classifies every
// member with the model of all others.
const modelRestRatio = 9

// modelLoop keeps the model and its scores up to date with the samples.
func (s *session) modelLoop(ctx context.Context) error {
	if len(s.models.layout.Channels) == 0 {
		<-ctx.Done() // the spec has no signature, so there is nothing to classify by
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

// updateModel makes the model of the samples as the view has them. Unless that was
// done before, it measures the model and writes its scores.
func (s *session) updateModel(ctx context.Context) error {
	examples, stamp, err := s.examples()
	if err != nil || stamp.Digest == s.models.digest {
		return err
	}
	m, err := newModel(s.models.layout, examples)
	if err != nil {
		return err
	}
	s.models.current.Store(m)
	scores, measured, err := signatures.ReadScores(ctx, s.bus, s.gen.ID)
	if err != nil {
		return err
	}
	if !measured || scores.Digest != stamp.Digest {
		if scores, err = s.writeScores(ctx, m, stamp, scores.Suspects); err != nil {
			return err
		}
	}
	s.showScores(scores)
	s.models.digest = stamp.Digest
	return nil
}

// examples returns the members of all samples as examples of a model, and what they
// were taken from.
func (s *session) examples() ([]model.Example, signatures.Stamp, error) {
	var examples []model.Example
	var asOf client.AsOf
	digests := sha256.New()
	for _, p := range s.spec.Profiles {
		from, err := s.members(p.Name)
		if err != nil {
			return nil, signatures.Stamp{}, err
		}
		if asOf.Incarnation == "" {
			asOf = from.asOf // the first is the earliest
		}
		digests.Write([]byte(from.digest))
		for _, m := range from.all[:min(len(from.all), maxModelMembers)] {
			if vector, err := s.models.layout.Vector(m.Signature); err == nil {
				examples = append(examples, model.Example{Profile: p.Name, Host: m.Host, Episode: m.Episode, Vector: vector})
			}
		}
	}
	return examples, signatures.Stamp{Digest: fit.Digest(hex.EncodeToString(digests.Sum(nil)[:8])), AsOf: asOf}, nil
}

// newModel returns the model of examples; nil if no example is left. An episode that is
// accepted for two profiles is an example of neither.
func newModel(l model.Layout, examples []model.Example) (*model.Model, error) {
	type name struct{ host, episode string }
	times := map[name]int{}
	for _, e := range examples {
		times[name{e.Host, e.Episode}]++
	}
	examples = slices.DeleteFunc(examples, func(e model.Example) bool { return times[name{e.Host, e.Episode}] > 1 })
	if len(examples) == 0 {
		return nil, nil
	}
	return model.New(l, examples)
}

// writeScores measures a model, writes its scores and returns them. It reports the
// suspects that were not among those before.
func (s *session) writeScores(ctx context.Context, m *model.Model, stamp signatures.Stamp, before []bus.Suspect) (signatures.Scores, error) {
	scores := signatures.Scores{Stamp: stamp}
	if m != nil {
		began := time.Now()
		var err error
		scores.Models, err = model.Evaluate(untilDone(ctx, m.LeaveOneEpisodeOut()), model.Methods(model.DefaultNeighbours), func() time.Duration { return time.Since(began) })
		if err != nil {
			return signatures.Scores{}, err
		}
	}
	scores.Suspects, scores.UpdatedAt = findSuspects(scores.Models), time.Now().UTC()
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

// untilDone yields the folds until ctx ends, so that a long measurement can be stopped.
func untilDone(ctx context.Context, folds iter.Seq2[model.Fold, error]) iter.Seq2[model.Fold, error] {
	return func(yield func(model.Fold, error) bool) {
		for fold, err := range folds {
			if ctx.Err() != nil {
				yield(model.Fold{}, context.Cause(ctx))
				return
			}
			if !yield(fold, err) {
				return
			}
		}
	}
}

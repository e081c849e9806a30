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
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

// A judge holds the model of what is in the samples. It is safe for concurrent
// use.
type judge struct {
	layout  model.Layout
	model   atomic.Pointer[model.Model] // nil: none yet
	stirred chan struct{}               // has room for one: a sample changed
	digest  fit.Digest                  // of the samples that the model is of; the loop's own
}

// neighbours is the k of knn.
const neighbours = 3

// judgedMembers is how many members of a profile the model is of at most: those of
// lowest rank, which are a fair sample of a larger one. Measuring takes as long as
// the square of it.
const judgedMembers = 250

func newJudge(spec *fit.Spec) *judge {
	return &judge{stirred: make(chan struct{}, 1), layout: model.Layout{
		Features: model.Levels, Resample: string(spec.Signature.Resample), Channels: spec.Signature.Channels, Points: spec.Points,
	}}
}

func (j *judge) stir() {
	select {
	case j.stirred <- struct{}{}:
	default:
	}
}

// says returns the profile that all methods put a vector in, against the one
// that it was accepted for; false where any of them does not.
func says(m *model.Model, vector []float32, accepted fit.ProfileName) (said fit.ProfileName, firmly bool) {
	for _, method := range model.Methods(neighbours) {
		v, err := method.Classify(m, vector)
		if err != nil || !v.Refutes(accepted) || said != "" && v.Profile != said {
			return "", false
		}
		said = v.Profile
	}
	return said, true
}

// suspect classifies an episode whose archive was read, and tells where it is
// put firmly in another profile. That it can't be told is no reason to read the
// archive again: the next measurement finds it, if it is in the sample.
func (a *aligner) suspect(ctx context.Context, c candidate, entry fit.Entry) {
	m := a.judge.model.Load()
	if m == nil || entry.Signature == nil {
		return
	}
	vector, err := a.judge.layout.Vector(entry.Signature)
	if err == nil && m.Has(entry.Host, entry.Episode) {
		m, err = m.Without(func(e model.Example) bool { return e.Host == entry.Host && e.Episode == entry.Episode })
	}
	if err != nil || m == nil {
		return
	}
	if said, firmly := says(m, vector, c.profile); firmly {
		a.tell(ctx, bus.Suspect{Host: entry.Host, Episode: entry.Episode, Profile: c.profile, Said: said})
	}
}

func (s *session) tell(ctx context.Context, suspect bus.Suspect) {
	s.metrics.suspects.WithLabelValues(string(suspect.Profile)).Inc()
	s.deps.Log.Warn("an accepted episode looks like another profile", "host", suspect.Host, "episode", suspect.Episode, "profile", suspect.Profile, "looks_like", suspect.Said)
	if err := s.deps.Bus.PublishSuspect(ctx, s.gen.ID, suspect, time.Now()); err != nil && ctx.Err() == nil {
		s.deps.Log.Warn("tell of a suspect episode", "err", err)
	}
}

// judgingShare is how many times as long as a measurement took the loop rests:
// one classifies every member by the model of all others.
const judgingShare = 9

// judgeLoop keeps the model and its scores up to the samples, behind envelopes
// and signatures.
func (s *session) judgeLoop(ctx context.Context) error {
	if len(s.judge.layout.Channels) == 0 {
		<-ctx.Done() // the spec has no signature, so there is nothing to judge by
		return nil
	}
	s.judge.stir()
	s.metrics.judged.SetToCurrentTime() // from here on it counts how long nothing is known
	for {
		select {
		case <-s.judge.stirred:
		case <-ctx.Done():
			return nil
		}
		began := time.Now()
		switch err := s.renew(ctx); {
		case endsSession(err):
			return err
		case err == nil:
			s.metrics.judged.Set(unixSeconds(began))
		case ctx.Err() == nil:
			s.deps.Log.Warn("measure the models", "err", err)
		}
		if !rest(ctx, judgingShare*time.Since(began)) {
			return nil
		}
	}
}

// renew makes the model of the samples as the view has them, measures it and
// writes its scores, unless that was done.
func (s *session) renew(ctx context.Context) error {
	var examples []model.Example
	var asOf bus.AsOf
	digests := sha256.New()
	for _, p := range s.deps.Spec.Profiles {
		from, err := s.curves.Sampled(p.Name)
		if err != nil {
			return err
		}
		if asOf.Life == "" {
			asOf = from.AsOf // the first is the earliest
		}
		digests.Write([]byte(from.Digest))
		for _, m := range from.Members[:min(len(from.Members), judgedMembers)] {
			if vector, err := s.judge.layout.Vector(m.Signature); err == nil {
				examples = append(examples, model.Example{Profile: p.Name, Host: m.Host, Episode: m.Episode, Vector: vector})
			}
		}
	}
	digest := fit.Digest(hex.EncodeToString(digests.Sum(nil)[:8]))
	if digest == s.judge.digest {
		return nil
	}
	m, err := newModel(s.judge.layout, examples)
	if err != nil {
		return err
	}
	s.judge.model.Store(m)
	scores, measured, err := s.deps.Bus.ReadScores(ctx, s.gen.ID)
	if err != nil {
		return err
	}
	if !measured || scores.Digest != digest {
		if scores, err = s.score(ctx, m, bus.Scores{Digest: digest, AsOf: asOf}, scores.Suspects); err != nil {
			return err
		}
	}
	s.showScores(scores)
	s.judge.digest = digest
	return nil
}

// newModel is the model of examples; nil of none. An episode that is accepted
// for two profiles counts for neither.
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

// score measures a model, writes its scores and returns them, and tells of the
// suspects that were none before.
func (s *session) score(ctx context.Context, m *model.Model, scores bus.Scores, before []bus.Suspect) (bus.Scores, error) {
	if m != nil {
		began := time.Now()
		var err error
		scores.Models, err = model.Evaluate(untilDone(ctx, m.LeaveOneEpisodeOut()), model.Methods(neighbours), func() time.Duration { return time.Since(began) })
		if err != nil {
			return bus.Scores{}, err
		}
	}
	scores.Suspects, scores.UpdatedAt = suspects(scores.Models), time.Now().UTC()
	written, err := s.deps.Bus.WriteScores(ctx, s.gen.ID, scores)
	if err != nil || !written {
		return scores, s.ifWentBack(ctx, err)
	}
	for _, suspect := range scores.Suspects {
		if !slices.Contains(before, suspect) {
			s.tell(ctx, suspect)
		}
	}
	return scores, nil
}

// suspects are the episodes that every method refutes and puts in the same other
// profile.
func suspects(scores []model.Score) []bus.Suspect {
	found := []bus.Suspect{}
	if len(scores) == 0 {
		return found
	}
	for _, miss := range scores[0].Wrong {
		agree := miss.Refuted
		for _, other := range scores[1:] {
			agree = agree && slices.ContainsFunc(other.Wrong, func(o model.Miss) bool {
				return o.Host == miss.Host && o.Episode == miss.Episode && o.Said == miss.Said && o.Refuted
			})
		}
		if agree {
			found = append(found, bus.Suspect{Host: miss.Host, Episode: miss.Episode, Profile: miss.Profile, Said: miss.Said})
		}
	}
	return found
}

// untilDone passes folds on until ctx ends: a measurement takes a while.
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

package dashboard

import (
	"context"
	"errors"
	"sync"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

const (
	// maxSampleBytes is how much the entries of one profile may take.
	maxSampleBytes = 64 << 20
	// maxSamplesBytes is how much all samples that are kept may take. Those that were asked for last are kept.
	maxSamplesBytes = 96 << 20
	// maxReads is how many samples are read at once.
	maxReads = 4
)

// A wantedSample says which sample is asked for, as the last event of its profile says.
type wantedSample struct {
	generation fit.Generation
	profile    fit.ProfileName
	target     int
	points     int
	digest     fit.Digest
}

// A readSample is a sample as it was read. It is immutable.
type readSample struct {
	digest  fit.Digest
	members []fit.Entry // by rank
}

// samples reads the samples of profiles, and keeps them until another one is wanted. Requests for one profile wait for each
// other, so browsers that ask at once cost one read. It is safe for concurrent use.
type samples struct {
	bus   *bus.Bus
	reads chan struct{} // holds a value for each read in progress

	mu    sync.Mutex
	kept  map[fit.ProfileName]*keptSample
	asked uint64 // counts requests
}

// A keptSample is the sample of one profile.
type keptSample struct {
	lock chan struct{} // holds a value while the fields below it are in use

	wanted wantedSample // without its digest: what reader reads
	reader *bus.SampleReader
	read   readSample

	asked uint64 // of samples: when it was asked for last. samples.mu guards this and bytes
	bytes int64
}

func newSamples(b *bus.Bus) *samples {
	return &samples{bus: b, reads: make(chan struct{}, maxReads), kept: map[fit.ProfileName]*keptSample{}}
}

// get returns the sample with the wanted digest if it is kept, else it reads what was stored since. The result has another digest
// if the entries have changed meanwhile, or if a server that lags has answered.
func (s *samples) get(ctx context.Context, wanted wantedSample) (readSample, error) {
	k := s.find(wanted.profile)
	select {
	case k.lock <- struct{}{}:
		defer func() { <-k.lock }()
	case <-ctx.Done():
		return readSample{}, context.Cause(ctx)
	}
	digest := wanted.digest
	wanted.digest = ""
	if k.reader != nil && k.wanted == wanted && k.read.digest == digest {
		return k.read, nil
	}
	// A reader counts what it has read, also what was replaced since: a new one reads all again, and counts less.
	if k.reader == nil || k.wanted != wanted || k.reader.Bytes() > maxSampleBytes/2 {
		k.wanted, k.read = wanted, readSample{}
		k.reader = s.bus.NewSampleReader(wanted.generation, wanted.profile, wanted.target, wanted.points, maxSampleBytes)
	}
	if err := s.read(ctx, k.reader); err != nil {
		if errors.Is(err, bus.ErrSampleTooLarge) {
			k.reader = nil
		}
		return readSample{}, err
	}
	k.read = readOf(k.reader.Sample())
	s.keep(k, k.reader.Bytes())
	return k.read, nil
}

// find returns the place of a profile's sample, and notes that it was asked for.
func (s *samples) find(p fit.ProfileName) *keptSample {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[p]
	if k == nil {
		k = &keptSample{lock: make(chan struct{}, 1)}
		s.kept[p] = k
	}
	s.asked++
	k.asked = s.asked
	return k
}

// read reads on, if not too many others do.
func (s *samples) read(ctx context.Context, r *bus.SampleReader) error {
	select {
	case s.reads <- struct{}{}:
		defer func() { <-s.reads }()
		return r.Read(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func readOf(sample *fit.Sample) readSample {
	r := readSample{digest: sample.Digest()}
	for _, e := range sample.Members() {
		e.Signature = nil // not shown
		r.members = append(r.members, e)
	}
	return r
}

// keep notes the size of a sample, and lets go of those that were not asked for for longest if all are too large together.
func (s *samples) keep(k *keptSample, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.bytes = bytes
	for {
		all, oldest := int64(0), fit.ProfileName("")
		for name, other := range s.kept {
			all += other.bytes
			if other != k && (oldest == "" || other.asked < s.kept[oldest].asked) {
				oldest = name
			}
		}
		if all <= maxSamplesBytes || oldest == "" {
			return
		}
		delete(s.kept, oldest)
	}
}

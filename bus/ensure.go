package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
)

// ErrWrongSetting means that a stream has a setting with which no service may begin to work.
var ErrWrongSetting = errors.New("wrong setting")

// ErrNeedsEpoch means that a consumer of the generation may have passed messages over, and NATS
// cannot make up for it: register the next epoch of the generation.
var ErrNeedsEpoch = errors.New("the log must be read again")

// A Check is what a comparison of the settings found.
type Check struct {
	Wrong  []settings.Wrong // what is wrong still
	Mended []settings.Wrong // what was wrong until now
	Log    LogLosses        // zero if the log was not reached
	Curves *uint64          // how many messages bucket curves has; nil if it was not reached
}

// EnsureTopology creates every stream and bucket where absent and mends settings that differ,
// where nothing is lost by that. With TOPOLOGY=expect it waits until they exist. Any number of
// services may call it at the same time. The error matches ErrWrongSetting, and names settings
// and cures, if a service must not begin to work.
func (b *Bus) EnsureTopology(ctx context.Context) error {
	check, err := b.ensureStreams(ctx, func(want jetstream.StreamConfig, check *Check) error { return b.ensureStream(ctx, want, check) })
	if err != nil {
		return err
	}
	var refused []string
	for _, w := range check.Wrong {
		if w.Level == settings.Refused {
			refused = append(refused, w.String())
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("%w: %s", ErrWrongSetting, strings.Join(refused, "; "))
	}
	return nil
}

const (
	keepTopologyTime = 15 * time.Second // how long KeepTopology takes at most
	keepStreamTime   = 3 * time.Second  // how long of that it waits for one stream
)

// KeepTopology is EnsureTopology for a service at work. It gives up after 15 s. It logs why, and
// what is wrong: the service may not need the stream that is missing. The checks of its views
// report those that it needs.
func (b *Bus) KeepTopology(ctx context.Context) Check {
	ensuring, end := context.WithTimeout(ctx, keepTopologyTime)
	defer end()
	var failed error
	check, _ := b.ensureStreams(ensuring, func(want jetstream.StreamConfig, check *Check) error {
		once, end := context.WithTimeout(ensuring, keepStreamTime)
		defer end()
		if err := b.ensureStream(once, want, check); err != nil && failed == nil {
			failed = err
		}
		return nil
	})
	if failed == nil || ctx.Err() == nil {
		b.WarnOnce("topology", failed)
	}
	return check
}

// ensureStreams calls ensure for every stream, and logs what is wrong.
func (b *Bus) ensureStreams(ctx context.Context, ensure func(jetstream.StreamConfig, *Check) error) (Check, error) {
	var check Check
	for _, want := range b.streams() {
		if err := ensure(want, &check); err != nil {
			return check, err
		}
	}
	if ctx.Err() == nil {
		b.Tell("streams", check)
	}
	return check, nil
}

// ensureStream creates a stream or mends its settings, and adds what it finds to check.
func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig, check *Check) error {
	var found []settings.Wrong
	err := b.EnsureStream(ctx, want, func(have *jetstream.StreamInfo) (mended jetstream.StreamConfig, differs bool) {
		mended, found = b.compareStream(have, want)
		mended.Description = want.Description
		switch want.Name {
		case EpisodesStream:
			check.Log = lossesOf(have)
		case client.BucketStream(CurvesBucket):
			check.Curves = &have.State.Msgs
		}
		return mended, canMend(found)
	})
	return check.add(found, b.Creates(), err)
}

// compareStream is settings.Streams for a stream of the project.
func (b *Bus) compareStream(have *jetstream.StreamInfo, want jetstream.StreamConfig) (mended jetstream.StreamConfig, wrong []settings.Wrong) {
	want.MaxBytes = mendedBytes(have, want, want.Name == EpisodesStream && b.LogBytes() > 0)
	return settings.Streams(have.Config, want, EpisodesStream)
}

// streams declares every stream and bucket with the settings of this client.
func (b *Bus) streams() []jetstream.StreamConfig { return streams(b.Replicas(), b.LogBytes()) }

func canMend(found []settings.Wrong) bool {
	for _, w := range found {
		if w.By == settings.ByUpdate {
			return true
		}
	}
	return false
}

// add adds what was found at one place. err is that of the update, if it was made.
func (c *Check) add(found []settings.Wrong, updated bool, err error) error {
	for _, w := range found {
		if w.By == settings.ByUpdate && updated {
			if err == nil {
				c.Mended = append(c.Mended, w)
				continue
			}
			w.Cure += fmt.Sprintf(", which failed: %v", err)
		}
		c.Wrong = append(c.Wrong, w)
	}
	if errors.Is(err, client.ErrRefusedChange) {
		return nil // what is wrong says so
	}
	return err
}

// consumers declares the consumers of a generation. See settings.Consumers for a wait of 0.
func consumers(gen Generation, alignWait, reduceWait time.Duration) map[string]jetstream.ConsumerConfig {
	return map[string]jetstream.ConsumerConfig{
		EpisodesStream:                    alignConsumer(gen.ID, alignWait),
		client.BucketStream(CurvesBucket): reduceConsumer(gen.ID, reduceWait),
	}
}

// EnsureConsumers is EnsureTopology for a generation's two consumers. The consumers of a raised
// epoch are created also with TOPOLOGY=expect: workers raise the epoch themselves, and no
// operator knows of it. The error matches ErrNeedsEpoch where a consumer cannot be used.
func (b *Bus) EnsureConsumers(ctx context.Context, gen Generation, alignWait, reduceWait time.Duration) error {
	check := Check{}
	for stream, want := range consumers(gen, alignWait, reduceWait) {
		var found Check // by the last try
		err := b.Ensure(ctx, "consumer "+want.Durable, func(ctx context.Context) error {
			found = Check{}
			return b.ensureConsumer(ctx, stream, want, b.makesConsumers(gen), true, &found)
		})
		if err != nil {
			return err
		}
		check.Wrong, check.Mended = append(check.Wrong, found.Wrong...), append(check.Mended, found.Mended...)
	}
	b.Tell("consumers", check)
	return check.needsEpoch()
}

// KeepConsumers compares the consumers of a generation for a worker at work, and mends what it
// can. A consumer that is gone is left to the loop that uses it. An error that matches
// ErrNeedsEpoch is as in EnsureConsumers; with any other the comparison is not complete.
func (b *Bus) KeepConsumers(ctx context.Context, gen Generation, alignWait, reduceWait time.Duration) (Check, error) {
	check := Check{}
	for stream, want := range consumers(gen, alignWait, reduceWait) {
		once, end := context.WithTimeout(ctx, keepStreamTime)
		err := b.ensureConsumer(once, stream, want, b.makesConsumers(gen), false, &check)
		end()
		if err != nil && !client.IsAbsent(err) {
			return check, err
		}
	}
	b.Tell("consumers", check)
	return check, check.needsEpoch()
}

// makesConsumers reports whether this client creates and mends the consumers of a generation.
func (b *Bus) makesConsumers(gen Generation) bool { return b.Creates() || gen.Epoch > 0 }

// needsEpoch returns an error that matches ErrNeedsEpoch if nothing else mends a setting.
func (c *Check) needsEpoch() error {
	for _, w := range c.Wrong {
		if w.By == settings.ByNextEpoch {
			return fmt.Errorf("%w: %s", ErrNeedsEpoch, w)
		}
	}
	return nil
}

// ensureConsumer creates a consumer or mends its settings, and adds what it finds to check.
func (b *Bus) ensureConsumer(ctx context.Context, stream string, want jetstream.ConsumerConfig, makes, create bool, check *Check) error {
	info, err := b.ConsumerInfo(ctx, stream, want.Durable)
	if errors.Is(err, jetstream.ErrStreamNotFound) && b.Creates() && create {
		if err := b.EnsureTopology(ctx); err != nil { // the stream was lost since it was created
			return err
		}
		return err
	}
	if errors.Is(err, jetstream.ErrConsumerNotFound) && makes && create {
		_, err = b.JetStream().CreateConsumer(ctx, stream, want)
		return err
	}
	if err != nil {
		return err
	}
	if !makes {
		want.AckWait = 0 // profiles topology chose it
	}
	mended, found := settings.Consumers(stream, info.Config, want, info.TimeStamp)
	again := Check{Wrong: found}
	update := makes && canMend(found) && again.needsEpoch() == nil
	if update {
		err = b.UpdateConsumer(ctx, stream, mended)
	}
	return check.add(found, update, err)
}

// WrongSettings compares the settings of every stream that exists, of the bucket of archives
// and of the consumers of a generation, and changes nothing. The generation may be nil. specs says which losses of the log
// were made up for.
func (b *Bus) WrongSettings(ctx context.Context, specs *Specs, gen *Generation) ([]settings.Wrong, error) {
	var all []settings.Wrong
	for _, want := range b.streams() {
		s, err := b.OpenStream(ctx, want.Name)
		if client.IsAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		_, wrong := b.compareStream(s.CachedInfo(), want)
		all = append(all, wrong...)
		if want.Name == EpisodesStream {
			all = append(all, specs.LogLost(lossesOf(s.CachedInfo()))...)
		}
	}
	wrong, err := b.wrongArchives(ctx)
	if err != nil {
		return nil, err
	}
	all = append(all, wrong...)
	if gen == nil {
		return all, nil
	}
	align, reduce, err := b.Lags(ctx, gen.ID)
	if client.IsAbsent(err) {
		return all, nil
	}
	return append(append(all, align.Wrong()...), reduce.Wrong()...), err
}

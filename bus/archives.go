package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
)

// archivesStream declares the stream of a bucket of archives, with the settings that the NATS
// library gives an object store.
func archivesStream(bucket string, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        client.ObjectsStream(bucket),
		Subjects:    []string{"$O." + bucket + ".C.>", "$O." + bucket + ".M.>"},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		Storage:     jetstream.FileStorage,
		Replicas:    replicas,
		AllowRollup: true, // a description replaces the one before
		AllowDirect: true,
	}
}

// KeepArchives is KeepTopology for a bucket of archives: it compares its settings, mends what it
// can, and logs the rest. It never makes a bucket: without one, archives count as unread,
// and in an empty one they would count as missing. It waits for 3 s at most.
func (b *Bus) KeepArchives(ctx context.Context, bucket string) Check {
	once, end := context.WithTimeout(ctx, keepStreamTime)
	defer end()
	var check Check
	var found []settings.Wrong
	want := archivesStream(bucket, b.Replicas())
	err := b.MendStream(once, want.Name, func(have *jetstream.StreamInfo) (mended jetstream.StreamConfig, differs bool) {
		mended, found = settings.Archives(have.Config, want)
		return mended, canMend(found)
	})
	err = check.add(found, b.Creates(), err)
	if ctx.Err() != nil {
		return check
	}
	if client.IsAbsent(err) { // the errors of reading archives say so
		err = nil
	}
	b.WarnOnce("settings of the bucket of archives", err)
	b.Tell("archives", check)
	return check
}

// wrongArchives compares the settings of the bucket of archives that roles have rights to. It
// finds nothing without a bucket, or if this user may not look at it.
func (b *Bus) wrongArchives(ctx context.Context) ([]settings.Wrong, error) {
	want := archivesStream(ArchivesBucket, b.Replicas())
	s, err := b.OpenStream(ctx, want.Name)
	if client.IsAbsent(err) || errors.Is(err, client.ErrDenied) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, wrong := settings.Archives(s.CachedInfo().Config, want)
	return wrong, nil
}

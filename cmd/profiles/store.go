package main

import (
	"context"
	"io"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/store"
)

// openStore opens the store at an address. A store in NATS is opened with b, or if
// that is nil with a connection to NATS_URL. The caller must call closeStore.
func openStore(ctx context.Context, t *terminal, address string, suffixes []string, b *bus.Bus) (s store.Uploader, closeStore func(), err error) {
	cfg := store.Config{Suffixes: suffixes}
	for _, part := range cfg.Settings() {
		if err := (service.Settings{Into: part}).FromEnvironment(); err != nil {
			return nil, nil, usage(err)
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, nil, usage(err)
	}
	closeBus := func() {}
	if b == nil && store.NeedsBus(address) {
		if b, err = (&natsFlags{}).connect(ctx, t); err != nil {
			return nil, nil, err
		}
		closeBus = b.Close
	}
	if s, err = store.Open(address, cfg, b); err != nil {
		closeBus()
		return nil, nil, err
	}
	return s, func() {
		if c, ok := s.(io.Closer); ok {
			_ = c.Close()
		}
		closeBus()
	}, nil
}

// makeStore opens the store at an address and makes its bucket or directory if that
// is missing.
func makeStore(ctx context.Context, t *terminal, address string, suffixes []string, b *bus.Bus) (s store.Uploader, closeStore func(), err error) {
	if s, closeStore, err = openStore(ctx, t, address, suffixes, b); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, topologyTimeout)
	defer cancel()
	if err := s.Ensure(ctx); err != nil {
		closeStore()
		return nil, nil, err
	}
	return s, closeStore, nil
}

package main

import (
	"context"
	"io"

	"github.com/kelseyhightower/envconfig"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/store"
)

// openStore opens the store at an address, and returns what closes it. Where it
// is in NATS that is over b, or without one over a connection of its own, as
// NATS_URL says.
func openStore(ctx context.Context, t *terminal, address string, b *bus.Bus) (store.Uploader, func(), error) {
	var cfg store.Config
	for _, s := range cfg.Settings() {
		if err := envconfig.Process("", s); err != nil {
			return nil, nil, usagef("read the environment: %w", err)
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, nil, usage(err)
	}
	shut := func() {}
	if b == nil && store.NeedsBus(address) {
		var err error
		if b, err = (&busFlags{}).connect(ctx, t); err != nil {
			return nil, nil, err
		}
		shut = b.Close
	}
	s, err := store.Open(address, cfg, b)
	if err != nil {
		shut()
		return nil, nil, err
	}
	return s, func() {
		if c, ok := s.(io.Closer); ok {
			_ = c.Close()
		}
		shut()
	}, nil
}

// uploader opens the store at an address to put archives there.
func uploader(ctx context.Context, t *terminal, address string, b *bus.Bus) (store.Uploader, func(), error) {
	to, shut, err := openStore(ctx, t, address, b)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, topologyTimeout)
	defer cancel()
	if err := to.Ensure(ctx); err != nil {
		shut()
		return nil, nil, err
	}
	return to, shut, nil
}

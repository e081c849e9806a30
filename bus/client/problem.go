package client

import (
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A problem is why the client waits. It is safe for concurrent use.
type problem struct {
	mu         sync.Mutex
	connection error            // why there is no connection
	pieces     map[string]error // why streams, consumers and watches are missing
}

func (p *problem) setConnection(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connection = err
}

func (p *problem) setPiece(piece string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.pieces, piece)
		return
	}
	if p.pieces == nil {
		p.pieces = map[string]error{}
	}
	p.pieces[piece] = err
}

// Problem returns why the client waits for the connection or for something in NATS, as it was
// last logged, and what to do; nil if it waits for nothing.
func (c *Client) Problem() error {
	c.problem.mu.Lock()
	defer c.problem.mu.Unlock()
	if c.problem.connection != nil && !c.nc.IsConnected() {
		return c.problem.connection
	}
	for piece, err := range c.problem.pieces {
		return fmt.Errorf("%s: %w", piece, err)
	}
	return nil
}

// explainSilence adds to the error of a request that nobody received why that may be so, and
// the setting to look at.
func (c *Client) explainSilence(err error) error {
	if !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, jetstream.ErrJetStreamNotEnabled) &&
		!errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return err
	}
	on, _ := c.nc.ConnectedServerJetStream()
	server, domain := c.nc.ConnectedServerName(), c.nc.ConnectedDomain()
	switch {
	case server == "": // the connection was lost meanwhile
		return err
	case c.cfg.JSDomain != "" && domain == "":
		return fmt.Errorf("%w: nobody answers for NATS_JS_DOMAIN %s, and server %s has no domain", err, c.cfg.JSDomain, server)
	case c.cfg.JSDomain != "" && c.cfg.JSDomain != domain:
		return fmt.Errorf("%w: nobody answers for NATS_JS_DOMAIN %s; server %s has domain %s", err, c.cfg.JSDomain, server, domain)
	case !on:
		return fmt.Errorf("%w: JetStream is off on server %s: start it with `nats-server -js`; "+
			"if another server behind it has the streams, NATS_JS_DOMAIN names its domain", err, server)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("%w: JetStream is off for the account of this user: enable it in the server's configuration", err)
	}
	return err
}

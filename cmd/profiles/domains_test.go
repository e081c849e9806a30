package main

import (
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
)

// TestDomains: the commands work in the domain of NATS_JS_DOMAIN. Without it they make no streams at a server with a domain, and
// say what to set.
func TestDomains(t *testing.T) {
	hub, leaf := bustest.StartDomains(t)
	const unnamed = "in JetStream domain leaf of "
	if out := must(t, "status", "--nats", leaf.URL()); !strings.Contains(out, "there are no streams "+unnamed+"this server: set NATS_JS_DOMAIN to the domain that has them, or to leaf to make them there") {
		t.Error(out)
	}
	code, _, stderr := call(t, "", "status", "--wait", "--timeout", "1s", "--nats", leaf.URL())
	if code != 1 || !strings.Contains(stderr, "still waiting for the streams; there are no streams "+unnamed) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	code, _, stderr = call(t, "", "topology", "--patience", "3s", "--nats", leaf.URL())
	if code != 1 || !strings.Contains(stderr, unnamed+"server leaf: set NATS_JS_DOMAIN to the domain of the streams, or to leaf to make them there") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	t.Setenv("NATS_JS_DOMAIN", "elsewhere")
	code, _, stderr = call(t, "", "status", "--nats", leaf.URL())
	if code != 1 || !strings.Contains(stderr, "nobody answers for NATS_JS_DOMAIN elsewhere; server leaf has domain leaf") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for domain, at := range map[string]*bustest.Server{"hub": hub, "leaf": leaf} {
		t.Setenv("NATS_JS_DOMAIN", domain)
		must(t, "topology", "--nats", leaf.URL())
		if n := len(at.StreamNames()); n != 9 {
			t.Errorf("domain %s has %d streams", domain, n)
		}
	}
	t.Setenv("NATS_JS_DOMAIN", "")
	must(t, "topology", "--nats", leaf.URL()) // the streams are there, so the domain is the right one
}

package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestUpShowsThePostsThatFail: up says on its screen, and in /readyz, that nobody answers at PUBLISH_URL, and what to do.
func TestUpShowsThePostsThatFail(t *testing.T) {
	nobody := httptest.NewServer(nil)
	nobody.Close()
	t.Setenv("MISSING_PATIENCE", "20ms")
	t.Setenv("PUBLISH_URL", nobody.URL)
	screen := newLineReader()
	stop := start(t, screen, "up", "--store", recordedStore, "--nats", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	fields := strings.Fields(strings.ReplaceAll(screen.until(t, "NATS at "), ",", " "))
	page, url := strings.TrimSuffix(fields[2], "/"), fields[len(fields)-1]
	const cure = "is the receiver running there, and may this machine connect to it?"
	if line := screen.until(t, "PUBLISH_URL: "); !strings.Contains(line, cure) {
		t.Error(line)
	}
	must(t, "status", "--nats", url, "--wait", "--timeout", "1m") // all services are at work now
	text := ""
	for tick := time.NewTicker(20 * time.Millisecond); !strings.HasPrefix(text, "ready\n"); <-tick.C {
		text = get(t, page+"/readyz")
	}
	if !strings.Contains(text, "PUBLISH_URL: ") || !strings.Contains(text, cure) {
		t.Error(text)
	}
	stop()
}

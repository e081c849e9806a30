package embedded_test

import (
	"net"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/embedded"
)

func start(t *testing.T, cfg embedded.Config) (*embedded.Server, error) {
	t.Helper()
	s, err := embedded.Start(cfg)
	if err == nil {
		t.Cleanup(s.Shutdown)
	}
	return s, err
}

// TestOneServerAFolder: two servers would destroy each other's files.
func TestOneServerAFolder(t *testing.T) {
	dir := t.TempDir()
	first, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := start(t, embedded.Config{Addr: "127.0.0.1:0", Dir: dir}); err == nil || !strings.Contains(err.Error(), "is in use by another server") {
		t.Errorf("a second server on the same folder: %v", err)
	}
	first.Shutdown()
	if _, err := start(t, embedded.Config{Addr: "127.0.0.1:0", Dir: dir}); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := start(t, embedded.Config{Addr: l.Addr().String(), Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a taken port: %v", err)
	}
}

func TestBadAddress(t *testing.T) {
	for _, addr := range []string{"nonsense", "127.0.0.1:port"} {
		if _, err := start(t, embedded.Config{Addr: addr, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/emit"
)

// heldText is what emit says about a list whose statuses are written in another case.
const heldText = "profiles emit: nothing was published: the list would take back 48 of the 48 episodes that the log accepts: by status 48 OK (only ok or good counts). " +
	"Give the right list, or name its statuses in the spec (validation.accepted); if it is right, use --retract-all"

// TestEmitHolds: a list that takes everything back is not obeyed unless that is said.
func TestEmitHolds(t *testing.T) {
	url := bustest.Start(t).URL()
	spec := write(t, "spec.yaml", listSpec)
	emitList := func(accepted string, more ...string) (int, string, string) {
		list := write(t, "list.csv", recordedList(t, false, accepted))
		return call(t, "", append([]string{"emit", "--nats", url, "--validation", list, "--spec", spec}, more...)...)
	}
	if code, _, stderr := emitList("ok"); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr := emitList("OK")
	if code != 1 || stderr != heldText+"\n" || !strings.Contains(stdout, "58 rows accept 0 episodes: 0 in the log already, 0 published, 0 retracted\n") || !strings.Contains(stdout, "statuses: 48 OK, ") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = emitList("OK", "--json")
	if s := decode[emit.Summary](t, stdout); code != 1 || stderr != heldText+"\n" || s.Held == nil || s.Held.Count != 48 || s.Held.Statuses[0].Name != "OK" {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := emitList("OK", "--retract-all"); code != 0 || !strings.Contains(stdout, "0 published, 48 retracted\n") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// TestEmitFollowHolds: while a list is held, stderr, /readyz and a metric say so.
func TestEmitFollowHolds(t *testing.T) {
	url := bustest.Start(t).URL()
	spec, list := write(t, "spec.yaml", listSpec), filepath.Join(t.TempDir(), "list.csv")
	change := func(accepted string) {
		if err := os.WriteFile(list, []byte(recordedList(t, false, accepted)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	change("ok")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	ready := func() string {
		res, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return strings.TrimSpace(string(body))
	}
	screen := newLineReader()
	stop := start(t, screen, "emit", "--nats", url, "--validation", list, "--spec", spec, "--follow", "--json", "--listen", address)
	screen.until(t, `"published":48`)
	if says := ready(); says != "ready" {
		t.Error(says)
	}
	change("OK")
	const waiting = heldText + "; waiting: it goes on by itself when the list is right again, or after `profiles emit --retract-all` was run once beside it"
	waitUntil(t, "the list is held", func() error {
		if says := ready(); says != strings.TrimPrefix(waiting, "profiles emit: ") {
			return errors.New(says)
		}
		return nil
	})
	if metrics := get(t, "http://"+address+"/metrics"); !strings.Contains(metrics, "\nprofiles_emit_held_retractions 48\n") {
		t.Error(metrics)
	}
	change("ok")
	screen.until(t, `"already":48`)
	if metrics := get(t, "http://"+address+"/metrics"); ready() != "ready" || !strings.Contains(metrics, "\nprofiles_emit_held_retractions 0\n") {
		t.Error(ready(), metrics)
	}
	if code, stderr := stop(); code != 0 || stderr != waiting+"\n" {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestConfirm: only yes is a yes.
func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, " Yes \n": true, "\n": false, "no\n": false, "": false, "yy\n": false} {
		var out strings.Builder
		if got := ask(t.Context(), strings.NewReader(answer), &out, "Retract them?"); got != want || out.String() != "Retract them? [y/N] " {
			t.Errorf("%q: %v, %q", answer, got, out.String())
		}
	}
	if (&terminal{in: strings.NewReader("y\n")}).confirm(t.Context(), "?") {
		t.Error("no terminal: yes")
	}
}

package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var release = Release{Prefix: "registry.test/team", Tag: "1.0", Version: "v1.0.0", Revision: "abc", Created: time.Unix(1700000000, 0).UTC()}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// compile makes an executable of a program that does nothing.
func compile(t *testing.T, out string, args ...string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", append(append([]string{"build", "-o", out}, args...), source)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

var tiny struct {
	sync.Once
	binary []byte
}

// tinyBinaries is a folder with a small program in the place of each binary.
func tinyBinaries(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tiny.Do(func() {
		compile(t, filepath.Join(dir, "tiny"), "-ldflags=-s -w")
		var err error
		if tiny.binary, err = os.ReadFile(filepath.Join(dir, "tiny")); err != nil {
			t.Fatal(err)
		}
	})
	for _, s := range Specs {
		if err := os.WriteFile(filepath.Join(dir, s.Binary), tiny.binary, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func build(t *testing.T) v1.Image {
	t.Helper()
	image, err := Build(Specs[0], tinyBinaries(t), release)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	var archives [2]bytes.Buffer
	for i := range archives {
		if err := WriteArchive(&archives[i], release.Ref(Specs[0]), build(t)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0].Bytes(), archives[1].Bytes()) {
		t.Error("two archives of one binary differ")
	}
}

func TestArchitectureRefusesWhatWouldNotRun(t *testing.T) {
	dir := t.TempDir()
	compile(t, filepath.Join(dir, "dynamic"), "-buildmode=pie")
	dynamic, err := os.ReadFile(filepath.Join(dir, "dynamic"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := architecture(dynamic); !errors.Is(err, errNotStatic) {
		t.Errorf("a dynamic executable: %v", err)
	}
	if _, err := architecture([]byte("#!/bin/sh\n")); err == nil {
		t.Error("a script passes")
	}
}

func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/team/profile-worker:1.0"
	image := build(t)
	digest, err := Push(ref, image)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
	got, err := pulled.Digest()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "digest", got, digest)
}

func TestCommand(t *testing.T) {
	bin, out := tinyBinaries(t), t.TempDir()
	all := []string{"archive", "-bin", bin, "-out", out}
	for _, test := range []struct {
		name  string
		args  []string
		epoch string
		code  int
		says  string
	}{
		{"archive", all, "0", 0, "ghcr.io/cis490/profiles-nats:dev"},
		{"no verb", nil, "0", 2, "usage"},
		{"no time", all, "", 1, "SOURCE_DATE_EPOCH"},
		{"no folder", []string{"archive", "-out", out}, "0", 1, "-bin"},
		{"no place", []string{"archive", "-bin", bin}, "0", 1, "-out"},
		{"no binaries", []string{"archive", "-bin", out, "-out", out}, "0", 1, "profile-worker"},
		{"no name", append(all, "-tag", "not a tag"), "0", 1, "tag"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SOURCE_DATE_EPOCH", test.epoch)
			var said bytes.Buffer
			equal(t, "exit code", run(test.args, &said, &said), test.code)
			if !strings.Contains(said.String(), test.says) {
				t.Errorf("it says %q, not %q", said.String(), test.says)
			}
		})
	}
	parts, err := filepath.Glob(filepath.Join(out, "*.part"))
	if err != nil || len(parts) > 0 {
		t.Errorf("left behind: %v %v", parts, err)
	}
}

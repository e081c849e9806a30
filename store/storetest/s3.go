// Package storetest runs a real S3 server for tests. Only tests import it.
package storetest

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/store"
)

// Server is the variable that names the binary of versitygw, an S3 server over a
// directory. `make store-test` builds it and sets this.
const Server = "PROFILES_S3_SERVER"

const (
	access, secret = "profiles", "not-a-secret"
	// Bucket is there in every server.
	Bucket = "archives"
)

// An S3 is a server for one test, with a directory of its own.
type S3 struct {
	t       testing.TB
	binary  string
	addr    string
	dir     string // what it stores: one directory a bucket, one file an object
	sidecar string // what it knows of that
	log     *os.File
	cmd     *exec.Cmd
}

// StartS3 starts a server that ends with the test. Without PROFILES_S3_SERVER the
// test is left out, and says so; one that can't be started fails it.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	binary := os.Getenv(Server)
	if binary == "" {
		t.Skipf("left out: %s is not set; make store-test runs this", Server)
	}
	if _, err := exec.LookPath(binary); err != nil {
		t.Fatalf("%s is set, but names no program: %v", Server, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &S3{t: t, binary: binary, addr: l.Addr().String(), dir: t.TempDir(), sidecar: t.TempDir()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if s.log, err = os.Create(filepath.Join(t.TempDir(), "server.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		_ = s.log.Close()
		if text, err := os.ReadFile(s.log.Name()); err == nil && t.Failed() {
			t.Logf("the S3 server said:\n%s", text)
		}
	})
	s.Start()
	return s
}

// Start starts the server, again on its files and at its address, and returns
// when it answers.
func (s *S3) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, "--port", s.addr, "--access", access, "--secret", secret, "posix", "--sidecar", s.sidecar, s.dir)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start the server that %s names: %v", Server, err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	client, err := minio.New(s.addr, &minio.Options{
		Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", MaxRetries: 1, Transport: transport,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx := bustest.Context(s.t)
	for {
		there, err := client.BucketExists(ctx, Bucket)
		if err == nil && !there {
			err = client.MakeBucket(ctx, Bucket, minio.MakeBucketOptions{})
		}
		if err == nil {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			text, _ := os.ReadFile(s.log.Name())
			s.t.Fatalf("the server that %s names does not answer: %v\n%s", Server, err, text)
		}
	}
}

// Stop kills the server.
func (s *S3) Stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// File is where the server keeps an object of the bucket.
func (s *S3) File(key string) string { return filepath.Join(s.dir, Bucket, filepath.FromSlash(key)) }

// Config reaches the server.
func (s *S3) Config(timeout time.Duration) store.Config {
	return store.Config{Timeout: timeout, S3: store.S3Config{Endpoint: "http://" + s.addr, AccessKey: access, SecretKey: secret}}
}

// Env is Config for commands.
func (s *S3) Env(t *testing.T) {
	t.Setenv("S3_ENDPOINT", "http://"+s.addr)
	t.Setenv("AWS_ACCESS_KEY_ID", access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
}

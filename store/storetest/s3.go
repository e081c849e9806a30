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

// Server is the environment variable with the path of versitygw, an S3 server that
// stores objects in a directory. `make store-test` builds it and sets the variable.
const Server = "PROFILES_S3_SERVER"

const (
	access, secret = "profiles", "not-a-secret"
	// Bucket exists in every server.
	Bucket = "archives"
)

// An S3 is a server for one test, with its own directory.
type S3 struct {
	t       testing.TB
	binary  string
	addr    string
	dir     string // of its objects: one directory for each bucket, one file for each object
	sidecar string // directory of the metadata of objects
	log     *os.File
	cmd     *exec.Cmd
}

// StartS3 starts a server, and stops it at the end of the test. Without
// PROFILES_S3_SERVER it skips the test. A server that cannot be started fails the
// test.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	binary := os.Getenv(Server)
	if binary == "" {
		t.Skipf("%s is not set: make store-test runs this test", Server)
	}
	if _, err := exec.LookPath(binary); err != nil {
		t.Fatalf("%s is not the path of a program: %v", Server, err)
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
			t.Logf("log of the S3 server:\n%s", text)
		}
	})
	s.Start()
	return s
}

// Start starts the server with its address and files, which stay the same when it
// is started again. It returns when the server answers.
func (s *S3) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, "--port", s.addr, "--access", access, "--secret", secret, "posix", "--sidecar", s.sidecar, s.dir)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", Server, err)
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
			s.t.Fatalf("%s does not answer: %v\n%s", Server, err, text)
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

// File returns the path of the file of an object in Bucket.
func (s *S3) File(key string) string { return filepath.Join(s.dir, Bucket, filepath.FromSlash(key)) }

// Config returns the configuration of a store in the server.
func (s *S3) Config(timeout time.Duration) store.Config {
	return store.Config{Timeout: timeout, S3: store.S3Config{Endpoint: "http://" + s.addr, AccessKey: access, SecretKey: secret}}
}

// Env sets the environment variables of Config for the rest of the test.
func (s *S3) Env(t *testing.T) {
	t.Setenv("S3_ENDPOINT", "http://"+s.addr)
	t.Setenv("AWS_ACCESS_KEY_ID", access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
}

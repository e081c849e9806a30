package store

import (
	"context"
	"crypto/md5" // what S3 calls an ETag
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/setting"
)

// S3Config is the address of an S3 server and the key to access it with.
type S3Config struct {
	// Endpoint is http://host:port or https://host:port. Its default is Amazon's.
	Endpoint string `envconfig:"S3_ENDPOINT" desc:"S3 server; http:// is without TLS"`
	Region   string `envconfig:"S3_REGION" desc:"its region"`
	// AccessKey and SecretKey are required. Session is required for temporary keys.
	AccessKey string `envconfig:"AWS_ACCESS_KEY_ID" desc:"access key"`
	SecretKey string `envconfig:"AWS_SECRET_ACCESS_KEY" desc:"its secret"`
	Session   string `envconfig:"AWS_SESSION_TOKEN" desc:"session token, with keys that have one"`
	// Addressing is "path" (endpoint/bucket), "host" (bucket.endpoint) or "auto",
	// the default: host for Amazon's servers, path for others.
	Addressing string `envconfig:"S3_ADDRESSING" desc:"path (endpoint/bucket), host (bucket.endpoint) or auto"`
	// CA is a PEM file with the authorities that may have signed the server's
	// certificate. Empty means those of the system.
	CA string `envconfig:"S3_CA" desc:"PEM file with the authorities that the server is checked against"`
}

// addressing are the values of S3_ADDRESSING.
var addressing = map[string]minio.BucketLookupType{
	"auto": minio.BucketLookupAuto, "path": minio.BucketLookupPath, "host": minio.BucketLookupDNS,
}

func (c *S3Config) validate() error {
	setting.Default(&c.Endpoint, "https://s3.amazonaws.com")
	setting.Default(&c.Region, "us-east-1")
	setting.Default(&c.Addressing, "auto")
	if _, ok := addressing[c.Addressing]; !ok {
		return fmt.Errorf("S3_ADDRESSING is %q: it must be auto, path or host", c.Addressing)
	}
	_, err := c.endpoint()
	return err
}

func (c *S3Config) endpoint() (*url.URL, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("S3_ENDPOINT is %q: it must be http://host:port or https://host:port", c.Endpoint)
	}
	return u, nil
}

// An S3 is a store in a bucket, or below a prefix in a bucket: an archive is the
// object <prefix>/<host>/<episode><suffix>. It implements Uploader and io.Closer. It
// may be used concurrently.
type S3 struct {
	core      minio.Core
	transport *http.Transport
	bucket    string
	prefix    string
	suffixes  suffixes
	timeout   time.Duration
}

func openS3(bucket, prefix string, cfg Config, suffixes suffixes) (*S3, error) {
	fail := func(err error) (*S3, error) {
		return nil, fmt.Errorf("open store s3://%s: %w", path.Join(bucket, prefix), err)
	}
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return fail(err)
	}
	if prefix != "" && path.Clean("/"+prefix) != "/"+prefix {
		return fail(errors.New("a part of its prefix is empty or only dots"))
	}
	if cfg.S3.AccessKey == "" || cfg.S3.SecretKey == "" {
		return fail(errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set"))
	}
	endpoint, err := cfg.S3.endpoint()
	if err != nil {
		return fail(err)
	}
	tlsConfig, err := cfg.S3.tls()
	if err != nil {
		return fail(err)
	}
	s := &S3{bucket: bucket, prefix: prefix, suffixes: suffixes, timeout: cfg.Timeout}
	s.transport = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   cfg.Timeout,
		ResponseHeaderTimeout: cfg.Timeout,
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true,
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.S3.AccessKey, cfg.S3.SecretKey, cfg.S3.Session),
		Secure:       endpoint.Scheme == "https",
		Transport:    s.transport,
		Region:       cfg.S3.Region,
		BucketLookup: addressing[cfg.S3.Addressing],
		MaxRetries:   1, // see retry
	})
	if err != nil {
		return fail(err)
	}
	s.core = minio.Core{Client: client}
	return s, nil
}

func (c *S3Config) tls() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read S3_CA: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read S3_CA: no certificate in %s", c.CA)
	}
	return cfg, nil
}

// Close closes idle connections.
func (s *S3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Open implements episode.Store. ctx must not end before the archive is read.
func (s *S3) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	r, _, err := s.suffixes.open(ctx, ref, s.open)
	return r, err
}

// SuffixesOf implements Uploader.
func (s *S3) SuffixesOf(ctx context.Context, ref episode.Ref) ([]string, error) {
	return s.suffixes.of(ctx, ref, s.open)
}

func (s *S3) open(ctx context.Context, object string) (io.ReadCloser, error) {
	key := path.Join(s.prefix, object)
	var d *download
	err := retry(ctx, func() error {
		idle := startIdleTimeout(ctx, s.timeout)
		idle.pause() // before there is an answer the timeouts of the transport apply
		var opts minio.GetObjectOptions
		opts.Set("X-Amz-Checksum-Mode", "ENABLED") // opts.Checksum would also make the client compare
		body, info, _, err := s.core.GetObject(idle.ctx, s.bucket, key, opts)
		if err != nil {
			idle.stop()
			return s.explain(err)
		}
		d = &download{body: body, idle: idle, size: info.Size, checksum: checksumOf(info)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open archive s3://%s/%s: %w", s.bucket, key, s3Answers.explain(err))
	}
	d.name = fmt.Sprintf("archive s3://%s/%s", s.bucket, key)
	return d, nil
}

// explain adds to an error of the client. One that would come back at another try becomes
// a permanentError.
func (s *S3) explain(err error) error {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return err
	}
	_, ofS3 := s3Answer(err)
	switch {
	case answer.StatusCode == http.StatusNotFound && answer.Code == minio.NoSuchKey && !ofS3:
		// The client returns NoSuchKey for any 404, such as that of a proxy.
		return permanentError{errors.New("the server answers 404, but not as S3 does: is S3_ENDPOINT the address of an S3 server?")}
	case answer.Code == minio.NoSuchBucket:
		return permanentError{fmt.Errorf("there is no bucket %s: %w", s.bucket, err)}
	case answer.Code == minio.AccessDenied:
		return permanentError{fmt.Errorf("access denied (also the answer for an archive that does not exist, if the key may not list the bucket): %w", err)}
	case answer.StatusCode >= 500, answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode == http.StatusRequestTimeout:
		return err
	}
	return permanentError{fmt.Errorf("%s: %w", answer.Code, err)}
}

// Ensure implements Uploader. The bucket must exist.
func (s *S3) Ensure(ctx context.Context) error {
	err := retry(ctx, func() error {
		there, err := s.core.BucketExists(ctx, s.bucket)
		if err == nil && !there {
			err = permanentError{errors.New("there is no such bucket: create it first")}
		}
		if err != nil {
			return s.explain(err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at bucket %s: %w", s.bucket, err)
	}
	return nil
}

// Put implements Uploader with one request, which has the size, MD5 and SHA-256 of
// the archive: the server rejects it if they do not match what it receives.
func (s *S3) Put(ctx context.Context, ref episode.Ref, suffix string, r io.ReadSeeker) (bool, error) {
	object, err := s.suffixes.forPut(ref, suffix)
	if err != nil {
		return false, err
	}
	key := path.Join(s.prefix, object)
	sent, err := s.put(ctx, key, r)
	if err != nil {
		return false, fmt.Errorf("put archive s3://%s/%s: %w", s.bucket, key, err)
	}
	return sent, nil
}

func (s *S3) put(ctx context.Context, key string, r io.ReadSeeker) (sent bool, err error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	sha, md := sha256.New(), md5.New()
	size, err := io.Copy(io.MultiWriter(sha, md), r)
	if err != nil {
		return false, err
	}
	sum := base64.StdEncoding.EncodeToString(sha.Sum(nil))
	err = retry(ctx, func() error {
		info, err := s.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{Checksum: true})
		if err == nil && info.Size == size && (info.ChecksumSHA256 == sum || plainMD5(info) == hex.EncodeToString(md.Sum(nil))) {
			sent = false
			return nil
		}
		if err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusNotFound { // the answer to a HEAD has no body with a code
			return s.explain(err)
		}
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return permanentError{err}
		}
		idle := startIdleTimeout(ctx, s.timeout)
		defer idle.stop()
		_, err = s.core.PutObject(idle.ctx, s.bucket, key, &upload{r, idle}, size,
			base64.StdEncoding.EncodeToString(md.Sum(nil)), hex.EncodeToString(sha.Sum(nil)),
			minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{"X-Amz-Checksum-Sha256": sum}})
		if err != nil {
			return s.explain(idle.cause(err))
		}
		sent = true
		return nil
	})
	return sent, err
}

// checksumOf returns the checksum that the server has of an object: the SHA-256 of
// the whole object, or else an ETag that is an MD5.
func checksumOf(info minio.ObjectInfo) checksum {
	if raw, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256); err == nil && len(raw) == sha256.Size {
		return checksum{hash: sha256.New(), want: raw, proof: true}
	}
	if raw, err := hex.DecodeString(plainMD5(info)); err == nil && len(raw) == md5.Size {
		return checksum{hash: md5.New(), want: raw}
	}
	return checksum{}
}

// plainMD5 returns the ETag of an object if it is the MD5 of its bytes, in hex. It is
// not if the object was uploaded in parts, or is encrypted with a key of its own.
func plainMD5(info minio.ObjectInfo) string {
	encrypted := strings.HasPrefix(info.Metadata.Get("X-Amz-Server-Side-Encryption"), "aws:") ||
		info.Metadata.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != ""
	if encrypted || len(info.ETag) != hex.EncodedLen(md5.Size) {
		return ""
	}
	return strings.ToLower(info.ETag)
}

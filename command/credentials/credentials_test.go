package credentials_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cis490/profiles/command/credentials"
	"github.com/cis490/profiles/roles"
)

const day = 24 * time.Hour

// files returns the content of all files in a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

func makeIn(t *testing.T, cfg credentials.Config) credentials.Summary {
	t.Helper()
	made, err := credentials.Make(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// certificate checks the servers' certificate against the authority's, and returns it.
func certificate(t *testing.T, dir string, at time.Time) *x509.Certificate {
	t.Helper()
	have := files(t, dir)
	parse := func(name string) *x509.Certificate {
		block, _ := pem.Decode([]byte(have[name]))
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	pool := x509.NewCertPool()
	pool.AddCert(parse(credentials.CACert))
	c := parse(credentials.ServerCert)
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
			t.Errorf("use %d: %v", use, err)
		}
	}
	return c
}

func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "k8s", "secrets")
	cfg := credentials.Config{Dir: dir, Namespace: "lab", Hosts: []string{"nats.example.org", "10.0.0.7"}}
	made := makeIn(t, cfg)
	first := files(t, dir)
	if len(made.Made) != len(first) || len(made.Kept) != 0 || len(first) != 7+len(roles.All()) {
		t.Errorf("%+v", made)
	}
	for name := range first {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	c := certificate(t, dir, time.Now())
	for _, name := range []string{
		"nats", "nats.lab", "nats.lab.svc", "nats.lab.svc.cluster.local", "nats-0.nats-headless", "nats-2.nats.lab.svc", "nats-1.nats-headless.lab.svc.cluster.local",
		"localhost", "127.0.0.1", "nats.example.org", "10.0.0.7",
	} {
		if err := c.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if c.VerifyHostname("nats.other.svc") == nil {
		t.Error("it is good for other namespaces")
	}
	seeds := map[string]bool{}
	for _, r := range roles.All() {
		seed := first[credentials.SeedFile(r.Name)]
		if !strings.HasPrefix(seed, "SU") || strings.TrimSpace(seed) != seed || seeds[seed] || strings.Contains(first[credentials.Accounts], seed) {
			t.Errorf("the seed of %s: %q", r.Name, seed)
		}
		seeds[seed] = true
	}

	if token := first[credentials.PublishToken]; len(token) < 20 || strings.TrimSpace(token) != token {
		t.Errorf("the token %q", token)
	}

	// A second call without the hosts changes nothing.
	again := makeIn(t, credentials.Config{Dir: dir, Namespace: "lab"})
	if len(again.Made) != 0 || !maps.Equal(files(t, dir), first) {
		t.Errorf("a second time: %+v", again)
	}
}

func TestKustomization(t *testing.T) {
	dir := t.TempDir()
	makeIn(t, credentials.Config{Dir: dir, Namespace: "lab"})
	have := files(t, dir)
	var k struct {
		Namespace        string
		GeneratorOptions struct{ DisableNameSuffixHash bool } `yaml:"generatorOptions"`
		SecretGenerator  []struct {
			Name  string
			Files []string
		} `yaml:"secretGenerator"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(have[credentials.Kustomization]))
	if err := decoder.Decode(&k); err != nil {
		t.Fatal(err)
	}
	text := have[credentials.Kustomization]
	if k.Namespace != "lab" || !strings.Contains(text, "disableNameSuffixHash: true") || len(k.SecretGenerator) != 2+len(roles.All()) {
		t.Errorf("%+v", k)
	}
	for _, s := range k.SecretGenerator {
		for _, f := range s.Files {
			_, file, ok := strings.Cut(f, "=")
			if !ok {
				file = f
			}
			if _, there := have[file]; !there || file == credentials.CAKey {
				t.Errorf("Secret %s takes %s", s.Name, f)
			}
		}
	}
	if got := k.SecretGenerator[0]; got.Name != "nats-server" || !slices.Equal(got.Files, []string{"tls.crt", "tls.key", "ca.crt", "accounts.conf"}) {
		t.Errorf("%+v", got)
	}
	if got := k.SecretGenerator[1+len(roles.All())]; got.Name != "dashboard-publish" || !slices.Equal(got.Files, []string{"PUBLISH_TOKEN=publish.token"}) {
		t.Errorf("%+v", got)
	}
	if got := k.SecretGenerator[1]; got.Name != "nats-receiver" || !slices.Equal(got.Files, []string{"seed.nk=receiver.nk", "ca.crt"}) {
		t.Errorf("%+v", got)
	}
}

// TestRenewal: which files are replaced, and when.
func TestRenewal(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		then func(dir string) credentials.Config
		made []string
	}{
		"nothing": {func(string) credentials.Config { return credentials.Config{Now: now.Add(60 * day)} }, nil},
		"asked":   {func(string) credentials.Config { return credentials.Config{Now: now, Renew: true} }, []string{"tls.crt"}},
		"ending":  {func(string) credentials.Config { return credentials.Config{Now: now.Add(71 * day)} }, []string{"tls.crt"}},
		"ended":   {func(string) credentials.Config { return credentials.Config{Now: now.Add(200 * day)} }, []string{"tls.crt"}},
		"authority ending": {func(string) credentials.Config { return credentials.Config{Now: now.Add(3640 * day)} },
			[]string{"ca.crt", "tls.crt"}},
		"another host": {func(string) credentials.Config {
			return credentials.Config{Now: now, Hosts: []string{"new.example.org"}}
		}, []string{"ca.crt", "tls.crt"}}, // the authority may sign for the host, too
		"another namespace": {func(string) credentials.Config { return credentials.Config{Now: now, Namespace: "other"} },
			[]string{"ca.crt", "kustomization.yaml", "tls.crt"}},
		"new authority": {func(dir string) credentials.Config {
			_, _ = os.Remove(filepath.Join(dir, "ca.crt")), os.Remove(filepath.Join(dir, "ca.key"))
			return credentials.Config{Now: now}
		}, []string{"ca.crt", "ca.key", "tls.crt"}},
		"missing role": {func(dir string) credentials.Config {
			_ = os.Remove(filepath.Join(dir, "viewer.nk"))
			return credentials.Config{Now: now}
		}, []string{"accounts.conf", "viewer.nk"}},
		"outdated rights": {func(dir string) credentials.Config {
			_ = os.WriteFile(filepath.Join(dir, "accounts.conf"), []byte("accounts {}"), 0o600)
			return credentials.Config{Now: now}
		}, []string{"accounts.conf"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			makeIn(t, credentials.Config{Dir: dir, Valid: 100 * day, Now: now, Hosts: []string{"kept.example.org"}})
			cfg := c.then(dir)
			before := files(t, dir)
			cfg.Dir, cfg.Valid = dir, 100*day
			made := makeIn(t, cfg)
			if !slices.Equal(made.Made, c.made) && len(made.Made)+len(c.made) > 0 {
				t.Errorf("made %v, want %v", made.Made, c.made)
			}
			for file, text := range files(t, dir) {
				if before[file] != text && !slices.Contains(c.made, file) {
					t.Errorf("%s has changed", file)
				}
			}
			at := cfg.Now
			if err := certificate(t, dir, at).VerifyHostname("kept.example.org"); err != nil {
				t.Error(err)
			}
			if left := made.Ends.Sub(at); left < 30*day {
				t.Errorf("the certificate ends in %s", left)
			}
		})
	}
}

// TestRenewedAuthorityKeepsItsKey: clients with the old ca.crt accept what the
// renewed authority signs.
func TestRenewedAuthorityKeepsItsKey(t *testing.T) {
	now, dir := time.Now(), t.TempDir()
	makeIn(t, credentials.Config{Dir: dir, Now: now})
	old := files(t, dir)[credentials.CACert]
	later := now.Add(3630 * day)
	makeIn(t, credentials.Config{Dir: dir, Now: later})
	if files(t, dir)[credentials.CACert] == old {
		t.Fatal("the authority was not renewed")
	}
	if err := os.WriteFile(filepath.Join(dir, credentials.CACert), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate(t, dir, later)
}

// TestDamage: the error names the file and what to do, and nothing changes.
func TestDamage(t *testing.T) {
	other := t.TempDir()
	makeIn(t, credentials.Config{Dir: other})
	theirs := files(t, other)
	for file, cases := range map[string]map[string]string{ // content of the file → part of the error; "-" removes it
		"worker.nk":     {"": "not a user's seed", "text": "not a user's seed", "SUAAAA": "not a user's seed", "SAAC5FGIXNS4QMFTSEQDHWNKNFIHZZQU": "not a user's seed"},
		"ca.crt":        {"": "not exactly one certificate", "text": "not exactly one certificate", theirs["ca.crt"]: "not the key of ca.crt", "-": "alone: ca.crt is missing", theirs["ca.crt"] + theirs["ca.crt"]: "not exactly one certificate"},
		"ca.key":        {"text": "not a private key", theirs["ca.key"]: "not the key of ca.crt", "-": "alone: ca.key is missing"},
		"tls.crt":       {"text": "not exactly one certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "not a certificate"},
		"publish.token": {"": "no token", "0123456789abcdef\n": "no token", "short": "no token"},
		"tls.key":       {theirs["tls.key"]: "not the key of tls.crt", "-": "alone: tls.key is missing", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "not a private key"},
	} {
		for text, says := range cases {
			t.Run(file+" "+says, func(t *testing.T) {
				dir := t.TempDir()
				makeIn(t, credentials.Config{Dir: dir})
				path := filepath.Join(dir, file)
				err := os.WriteFile(path, []byte(text), 0o600)
				if text == "-" {
					err = os.Remove(path)
				}
				if err != nil {
					t.Fatal(err)
				}
				_ = os.Remove(filepath.Join(dir, "viewer.nk")) // it would be made anew
				before := files(t, dir)
				_, err = credentials.Make(credentials.Config{Dir: dir})
				if !errors.Is(err, credentials.ErrDamaged) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "remove") {
					t.Errorf("it says %v, not %q", err, says)
				}
				if !maps.Equal(files(t, dir), before) {
					t.Error("the folder has changed")
				}
			})
		}
	}
	t.Run("one seed twice", func(t *testing.T) {
		dir := t.TempDir()
		makeIn(t, credentials.Config{Dir: dir})
		if err := os.WriteFile(filepath.Join(dir, "viewer.nk"), []byte(files(t, dir)["operator.nk"]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := credentials.Make(credentials.Config{Dir: dir}); !errors.Is(err, credentials.ErrDamaged) {
			t.Error(err)
		}
	})
	t.Run("a server's certificate as authority", func(t *testing.T) {
		dir := t.TempDir()
		makeIn(t, credentials.Config{Dir: dir})
		have := files(t, dir)
		_ = os.WriteFile(filepath.Join(dir, "ca.crt"), []byte(have["tls.crt"]), 0o600)
		_ = os.WriteFile(filepath.Join(dir, "ca.key"), []byte(have["tls.key"]), 0o600)
		if _, err := credentials.Make(credentials.Config{Dir: dir}); !errors.Is(err, credentials.ErrDamaged) {
			t.Error(err)
		}
	})
}

func TestSettings(t *testing.T) {
	for says, cfg := range map[string]credentials.Config{
		"the folder is missing":                     {},
		`namespace "Lab"`:                           {Dir: t.TempDir(), Namespace: "Lab"},
		`host "good.example.org\nevil.example.org"`: {Dir: t.TempDir(), Hosts: []string{"good.example.org\nevil.example.org"}},
		`host "good.example.org\n"`:                 {Dir: t.TempDir(), Hosts: []string{"good.example.org\n"}},
		`host "a b"`:                                {Dir: t.TempDir(), Hosts: []string{"a b"}},
		`host ""`:                                   {Dir: t.TempDir(), Hosts: []string{""}},
		"valid for 24h0m0s":                         {Dir: t.TempDir(), Valid: day},
		"valid for -24h0m0s":                        {Dir: t.TempDir(), Valid: -day},
	} {
		if _, err := credentials.Make(cfg); !errors.Is(err, credentials.ErrUsage) || !strings.Contains(err.Error(), says) {
			t.Errorf("it says %v, not %q", err, says)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := credentials.Make(credentials.Config{Dir: file}); err == nil || bytes.Contains([]byte(err.Error()), []byte("damaged")) {
		t.Errorf("a file instead of a folder: %v", err)
	}
}

// TestLoosened: files that others may read are restricted again, and named.
func TestLoosened(t *testing.T) {
	dir := t.TempDir()
	makeIn(t, credentials.Config{Dir: dir})
	for name, mode := range map[string]os.FileMode{"ca.key": 0o644, "worker.nk": 0o640, "accounts.conf": 0o666, "tls.key": 0o700, "viewer.nk": 0o400} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if made := makeIn(t, credentials.Config{Dir: dir}); !slices.Equal(made.Restricted, []string{"accounts.conf", "ca.key", "tls.key", "worker.nk"}) {
		t.Errorf("restricted %q", made.Restricted)
	}
	for name := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o177 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	if again := makeIn(t, credentials.Config{Dir: dir}); len(again.Restricted) > 0 {
		t.Errorf("restricted again: %q", again.Restricted)
	}
}

// TestAuthorityIsConstrained: with the authority's key nobody can pretend to be another server than these.
func TestAuthorityIsConstrained(t *testing.T) {
	dir := t.TempDir()
	makeIn(t, credentials.Config{Dir: dir, Namespace: "lab", Hosts: []string{"nats.example.org", "10.0.0.7", "fd00::7"}})
	have := files(t, dir)
	pair, err := tls.X509KeyPair([]byte(have["ca.crt"]), []byte(have["ca.key"]))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for name, allowed := range map[string]bool{
		"nats": true, "nats-1.nats-headless.lab.svc.cluster.local": true, "nats.example.org": true, "10.0.0.7": true, "fd00::7": true, "127.0.0.1": true,
		"example.org": false, "evil.example.org": false, "www.google.com": false, "nats.other.svc": false, "10.0.0.8": false, "fd00::8": false, "nats.lab.svc.evil": false,
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = []net.IP{ip}
		} else {
			template.DNSNames = []string{name}
		}
		der, err := x509.CreateCertificate(rand.Reader, template, ca, ca.PublicKey, pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Verify(x509.VerifyOptions{Roots: roots})
		if allowed != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !strings.Contains(have["kustomization.yaml"], "lab") || !ca.PermittedDNSDomainsCritical {
		t.Error("the constraints are not critical")
	}
}

// TestUnconstrainedAuthority: one of an earlier version gets constraints and keeps its key, so clients with the old ca.crt accept
// the servers.
func TestUnconstrainedAuthority(t *testing.T) {
	dir := t.TempDir()
	makeIn(t, credentials.Config{Dir: dir})
	have := files(t, dir)
	pair, err := tls.X509KeyPair([]byte(have["ca.crt"]), []byte(have["ca.key"]))
	if err != nil {
		t.Fatal(err)
	}
	old, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: old.Subject, NotBefore: old.NotBefore, NotAfter: old.NotAfter, IsCA: true, BasicConstraintsValid: true, KeyUsage: old.KeyUsage,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, old.PublicKey, pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if made := makeIn(t, credentials.Config{Dir: dir}); !slices.Equal(made.Made, []string{"ca.crt"}) {
		t.Errorf("made %q", made.Made)
	}
	certificate(t, dir, time.Now())
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	certificate(t, dir, time.Now()) // as a client with the old one
}

// Package credentials makes the files by which NATS servers and their clients trust each
// other: a certificate authority, the servers' certificate, a key for each role
// of package roles, the servers' accounts.conf, the token that dashboards require for
// posts, and a kustomization that makes Kubernetes Secrets of these files.
//
// Start with [Make]. Certificates are in certificate.go, Secrets in
// kustomization.go.
package credentials

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/cis490/profiles/internal/atomicfile"
	"github.com/cis490/profiles/roles"
)

// Names of the files in a folder of credentials. The seed of a role is in
// SeedFile(role).
const (
	CACert        = "ca.crt"
	CAKey         = "ca.key" // stays in the folder: no Secret has it
	ServerCert    = "tls.crt"
	ServerKey     = "tls.key"
	Accounts      = "accounts.conf"
	PublishToken  = "publish.token" // PUBLISH_TOKEN of the dashboards and of producers
	Kustomization = "kustomization.yaml"
)

// SeedFile returns the name of the file with a role's seed.
func SeedFile(role string) string { return role + ".nk" }

// Secret returns the name of a role's Kubernetes Secret. It has the keys seed.nk and
// ca.crt.
func Secret(role string) string { return "nats-" + role }

// ServerSecret is the name of the servers' Secret. It has the keys tls.crt,
// tls.key, ca.crt and accounts.conf.
const ServerSecret = "nats-server"

// PublishSecret is the name of the dashboards' Secret. It has the key PUBLISH_TOKEN.
const PublishSecret = "dashboard-publish"

// Config says what to make.
type Config struct {
	// Dir is the folder. It is made if missing, with mode 0700.
	Dir string
	// Namespace is the Kubernetes namespace of the servers. The certificate has their
	// names in it. Empty means DefaultNamespace.
	Namespace string
	// Hosts are further names and IP addresses of the servers. Names that the present
	// certificate has stay in it.
	Hosts []string
	// Valid is how long the servers' certificate is valid. It must be longer than 30
	// days; zero means DefaultValid.
	Valid time.Duration
	// Renew makes a new servers' certificate even if the present one is still good.
	Renew bool
	// Now is the time at which certificates are checked and made. Zero means the
	// clock's time.
	Now time.Time
}

// Defaults of a Config.
const (
	DefaultNamespace = "profiles"
	DefaultValid     = 365 * 24 * time.Hour
)

const (
	// authorityValid is how long the authority's certificate is valid. Its key stays
	// when it is renewed, so clients with the old certificate accept what the new one
	// signs.
	authorityValid = 10 * 365 * 24 * time.Hour
	// renewBefore is how long before its end a certificate is replaced.
	renewBefore = 30 * 24 * time.Hour
)

// A Summary says which files are in the folder.
type Summary struct {
	Dir  string   `json:"dir"`
	Made []string `json:"made"` // files that were written, sorted
	Kept []string `json:"kept"` // files that were there and did not change, sorted
	// Restricted are files that others could read or write, sorted; now only their owner can.
	Restricted []string  `json:"restricted"`
	Names      []string  `json:"names"`   // names and addresses in the servers' certificate
	Ends       time.Time `json:"ends"`    // when the servers' certificate ends
	CAEnds     time.Time `json:"ca_ends"` // when the authority's certificate ends
}

// Make makes the files that are missing and replaces accounts.conf, the
// kustomization and certificates where they must change. It never replaces a key.
// It may be repeated.
//
// A wrong Config is an error that matches ErrUsage. A file whose content cannot be
// right is an error that matches ErrDamaged; then nothing in the folder changes.
func Make(cfg Config) (Summary, error) {
	if cfg.Namespace == "" {
		cfg.Namespace = DefaultNamespace
	}
	if cfg.Valid == 0 {
		cfg.Valid = DefaultValid
	}
	if cfg.Now.IsZero() {
		cfg.Now = time.Now()
	}
	if err := cfg.validate(); err != nil {
		return Summary{}, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return Summary{}, fmt.Errorf("make the folder of credentials: %w", err)
	}
	if err := os.Chmod(cfg.Dir, 0o700); err != nil {
		return Summary{}, fmt.Errorf("restrict the folder of credentials to its owner: %w", err)
	}
	m := &maker{cfg: cfg, sum: Summary{Dir: cfg.Dir, Made: []string{}, Kept: []string{}, Restricted: []string{}}}
	// Read all files before writing any: if one is damaged, nothing changes.
	keys, err := m.seeds()
	if err == nil {
		err = m.publishToken()
	}
	if err == nil {
		err = m.certificates()
	}
	if err != nil {
		return Summary{}, err
	}
	conf, err := roles.Conf(keys)
	if err != nil {
		return Summary{}, err
	}
	m.put(Accounts, []byte(conf))
	m.put(Kustomization, kustomization(cfg.Namespace))
	if err := m.write(); err != nil {
		return Summary{}, err
	}
	return m.sum, nil
}

// A maker collects the files to be written until all present files are checked.
type maker struct {
	cfg   Config
	sum   Summary
	files []file
}

type file struct {
	name string
	data []byte
}

// put plans to write a file, unless it is there with the same content.
func (m *maker) put(name string, data []byte) {
	have, err := os.ReadFile(m.path(name))
	if err == nil && string(have) == string(data) {
		m.keep(name)
		return
	}
	m.files = append(m.files, file{name, data})
	m.sum.Made = append(m.sum.Made, name)
}

func (m *maker) keep(name string) { m.sum.Kept = append(m.sum.Kept, name) }

func (m *maker) path(name string) string { return filepath.Join(m.cfg.Dir, name) }

// read returns the content of a file; nil if it does not exist.
func (m *maker) read(name string) ([]byte, error) {
	data, err := os.ReadFile(m.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	return data, nil
}

// write writes the planned files, each of them completely or not at all, with mode 0600.
func (m *maker) write() error {
	for _, f := range m.files {
		err := atomicfile.Write(m.path(f.name), 0o600, func(w io.Writer) error {
			_, err := w.Write(f.data)
			return err
		})
		if err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
	}
	for _, name := range m.sum.Kept {
		if err := m.restrict(name); err != nil {
			return err
		}
	}
	slices.Sort(m.sum.Restricted)
	slices.Sort(m.sum.Made)
	slices.Sort(m.sum.Kept)
	return nil
}

// restrict lets only the owner read a file that was there before.
func (m *maker) restrict(name string) error {
	info, err := os.Stat(m.path(name))
	if err != nil {
		return fmt.Errorf("look at the permissions of credentials: %w", err)
	}
	if info.Mode().Perm()&0o177 == 0 {
		return nil
	}
	if err := os.Chmod(m.path(name), 0o600); err != nil {
		return fmt.Errorf("restrict credentials to their owner: %w", err)
	}
	m.sum.Restricted = append(m.sum.Restricted, name)
	return nil
}

// seeds returns the public key of each role. It plans a seed for each role that
// has none.
func (m *maker) seeds() (map[string]string, error) {
	keys, owners := map[string]string{}, map[string]string{}
	for _, r := range roles.All() {
		key, err := m.publicKey(r.Name)
		if err != nil {
			return nil, err
		}
		name := SeedFile(r.Name)
		if other, twice := owners[key]; twice {
			return nil, damaged(m.path(name), fmt.Errorf("the same key as %s", SeedFile(other)), "remove one of them")
		}
		keys[r.Name], owners[key] = key, r.Name
	}
	return keys, nil
}

// publicKey returns the public key of a role's seed, which it plans if missing.
func (m *maker) publicKey(role string) (string, error) {
	name := SeedFile(role)
	seed, err := m.read(name)
	if err != nil {
		return "", err
	}
	if seed == nil {
		if seed, err = newSeed(); err != nil {
			return "", fmt.Errorf("make a key for %s: %w", role, err)
		}
		m.put(name, seed) // without a newline, which some clients would read as part of it
	} else {
		m.keep(name)
	}
	user, err := nkeys.ParseDecoratedUserNKey(seed)
	if err != nil {
		return "", damaged(m.path(name), fmt.Errorf("not a user's seed: %w", err), "remove it to get a new key for "+role)
	}
	key, err := user.PublicKey()
	if err != nil {
		return "", fmt.Errorf("read the key of %s: %w", role, err)
	}
	return key, nil
}

// publishToken plans the token that /publish of the dashboards requires, if it is missing.
func (m *maker) publishToken() error {
	token, err := m.read(PublishToken)
	switch {
	case err != nil:
		return err
	case token == nil:
		m.put(PublishToken, []byte(rand.Text())) // without a newline, which would be part of the variable
		return nil
	case len(token) < leastToken || bytes.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		err := fmt.Errorf("no token: it must have at least %d letters and digits, and no line end", leastToken)
		return damaged(m.path(PublishToken), err, "remove it to get a new one")
	}
	m.keep(PublishToken)
	return nil
}

// leastToken is the least length of a token that can't be guessed.
const leastToken = 16

func newSeed() ([]byte, error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	return user.Seed()
}

// ErrDamaged matches the error about a file whose content cannot be right.
var ErrDamaged = errors.New("damaged credentials")

func damaged(path string, err error, help string) error {
	return fmt.Errorf("%w: %s is %w (%s)", ErrDamaged, path, err, help)
}

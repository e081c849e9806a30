// Package credentials makes what a NATS server and its clients need to know each
// other: an authority of the project's own, the servers' certificate, a key for
// each role of package roles, the server's accounts.conf, and a kustomization
// that makes Secrets of them all.
package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/cis490/profiles/roles"
)

// Names of the files in a folder of credentials. Seeds are SeedFile(role).
const (
	CACert        = "ca.crt"
	CAKey         = "ca.key" // stays where it was made: no Secret has it
	ServerCert    = "tls.crt"
	ServerKey     = "tls.key"
	Accounts      = "accounts.conf"
	Kustomization = "kustomization.yaml"
)

// SeedFile names the file with a role's seed.
func SeedFile(role string) string { return role + ".nk" }

// Secret names the Kubernetes Secret of a role: its seed is seed.nk there, beside
// ca.crt.
func Secret(role string) string { return "nats-" + role }

// ServerSecret is the Secret of the servers: tls.crt, tls.key, ca.crt and
// accounts.conf.
const ServerSecret = "nats-server"

// Config says what to make.
type Config struct {
	// Dir is the folder; it is made, for its owner alone.
	Dir string
	// Namespace is the Kubernetes namespace of the servers, whose names there are
	// in their certificate. Empty: profiles.
	Namespace string
	// Hosts are further names and addresses of the servers. Those of the present
	// certificate stay in it.
	Hosts []string
	// Valid is how long the servers' certificate is good for. Zero: a year.
	Valid time.Duration
	// Renew makes the servers' certificate anew, though the present one is good.
	Renew bool
	// Now is the time by which certificates are judged and made. Zero: the clock's.
	Now time.Time
}

const (
	defaultValid = 365 * 24 * time.Hour
	// authorityValid is for the authority's certificate. Its key stays when that is
	// renewed, so clients with the old one are content with the new.
	authorityValid = 10 * 365 * 24 * time.Hour
	// renewBefore is how long before its end a certificate is made anew.
	renewBefore = 30 * 24 * time.Hour
)

// A Summary says what is there, and what of it is new.
type Summary struct {
	Dir    string    `json:"dir"`
	Made   []string  `json:"made"`    // files that were not there, or are new
	Kept   []string  `json:"kept"`    // files that stay as they were
	Names  []string  `json:"names"`   // of the servers' certificate
	Ends   time.Time `json:"ends"`    // of the servers' certificate
	CAEnds time.Time `json:"ca_ends"` // of the authority's
}

// Make makes what is missing, and keeps what is there: a key is never made anew.
// Files that can't be what they should be are an error, and stay as they are.
func Make(cfg Config) (Summary, error) {
	if cfg.Namespace == "" {
		cfg.Namespace = "profiles"
	}
	if cfg.Valid == 0 {
		cfg.Valid = defaultValid
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
		return Summary{}, fmt.Errorf("close the folder of credentials: %w", err)
	}
	m := &maker{Config: cfg, sum: Summary{Dir: cfg.Dir, Made: []string{}, Kept: []string{}}}
	// All is read before anything is written: damage shows before it spreads.
	keys, err := m.seeds()
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

// A maker holds what is to be written until all was judged.
type maker struct {
	Config
	sum   Summary
	files []file
}

type file struct {
	name string
	data []byte
}

// put plans a file.
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

func (m *maker) path(name string) string { return filepath.Join(m.Dir, name) }

// read returns a file; nil where there is none.
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

// write puts each file in its place whole, for its owner alone.
func (m *maker) write() error {
	for _, f := range m.files {
		temp, err := os.CreateTemp(m.Dir, f.name+".*") // mode 0600
		if err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
		_, err = temp.Write(f.data)
		err = errors.Join(err, temp.Sync(), temp.Close())
		if err == nil {
			err = os.Rename(temp.Name(), m.path(f.name))
		}
		if err != nil {
			_ = os.Remove(temp.Name())
			return fmt.Errorf("write credentials: %w", err)
		}
	}
	slices.Sort(m.sum.Made)
	slices.Sort(m.sum.Kept)
	return nil
}

// seeds returns the public keys by role, of seeds that are there or planned.
func (m *maker) seeds() (map[string]string, error) {
	keys, owner := map[string]string{}, map[string]string{}
	for _, r := range roles.All() {
		name := SeedFile(r.Name)
		seed, err := m.read(name)
		if err != nil {
			return nil, err
		}
		if seed == nil {
			user, err := nkeys.CreateUser()
			if err != nil {
				return nil, fmt.Errorf("make a key for %s: %w", r.Name, err)
			}
			if seed, err = user.Seed(); err != nil {
				return nil, fmt.Errorf("make a key for %s: %w", r.Name, err)
			}
			m.put(name, seed) // without a line's end, which some clients take for a part of it
		} else {
			m.keep(name)
		}
		user, err := nkeys.ParseDecoratedUserNKey(seed)
		if err != nil {
			return nil, damaged(m.path(name), fmt.Errorf("no seed of a user: %w", err), "remove it, and "+r.Name+" gets a new key")
		}
		if keys[r.Name], err = user.PublicKey(); err != nil {
			return nil, fmt.Errorf("read the key of %s: %w", r.Name, err)
		}
		if other, twice := owner[keys[r.Name]]; twice {
			return nil, damaged(m.path(name), fmt.Errorf("the key of %s, too", SeedFile(other)), "remove one of them")
		}
		owner[keys[r.Name]] = r.Name
	}
	return keys, nil
}

// ErrDamaged matches the error of a file that is not what it should be.
var ErrDamaged = errors.New("damaged credentials")

func damaged(path string, err error, help string) error {
	return fmt.Errorf("%w: %s is %w (%s)", ErrDamaged, path, err, help)
}

package credentials

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A pair is a certificate with its key.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certificates plans the authority and the servers' certificate, or keeps them.
func (m *maker) certificates() error {
	ca, err := m.pair(CACert, CAKey, "remove both, and there is a new authority: servers and clients need the new files then")
	if err != nil {
		return err
	}
	if ca != nil && !ca.cert.IsCA {
		return damaged(m.path(CACert), errors.New("no certificate of an authority"), "remove it and "+CAKey)
	}
	server, err := m.pair(ServerCert, ServerKey, "remove both, and the servers get a new certificate")
	if err != nil {
		return err
	}
	if ca == nil || m.ending(ca.cert) {
		if ca, err = m.authority(ca); err != nil {
			return err
		}
	} else {
		m.keep(CACert)
		m.keep(CAKey)
	}
	names := m.names(server)
	if m.Renew || server == nil || m.ending(server.cert) || !signed(server.cert, ca.cert) || !slices.Equal(names, namesOf(server.cert)) {
		if server, err = m.server(ca, server, names); err != nil {
			return err
		}
	} else {
		m.keep(ServerCert)
		m.keep(ServerKey)
	}
	m.sum.Names, m.sum.Ends, m.sum.CAEnds = names, server.cert.NotAfter, ca.cert.NotAfter
	return nil
}

// ending tells whether a certificate is to be made anew by now.
func (m *maker) ending(c *x509.Certificate) bool { return m.Now.Add(renewBefore).After(c.NotAfter) }

// signed tells whether the authority's key made the certificate.
func signed(c, ca *x509.Certificate) bool { return c.CheckSignatureFrom(ca) == nil }

// authority plans a certificate of the authority. The key of the one before
// stays, so that what it signed stays good.
func (m *maker) authority(before *pair) (*pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "profiles"},
		NotAfter:              m.Now.Add(authorityValid),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return m.issue(CACert, CAKey, template, before, nil)
}

// server plans the servers' certificate. Servers show it to clients, and to each
// other from both ends of a route.
func (m *maker) server(ca, before *pair, names []string) (*pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "nats"},
		NotAfter:              m.Now.Add(m.Valid),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if template.NotAfter.After(ca.cert.NotAfter) {
		template.NotAfter = ca.cert.NotAfter
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	return m.issue(ServerCert, ServerKey, template, before, ca)
}

// issue signs a certificate; without an authority it is its own. The key of the
// certificate before stays, if there is one.
func (m *maker) issue(certFile, keyFile string, template *x509.Certificate, before, ca *pair) (*pair, error) {
	made := &pair{}
	if before != nil {
		made.key = before.key
		m.keep(keyFile)
	} else {
		var err error
		if made.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("make %s: %w", keyFile, err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(made.key)
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", keyFile, err)
		}
		m.put(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", certFile, err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	template.NotBefore = m.Now.Add(-time.Hour) // clocks differ
	parent, signer := template, crypto.Signer(made.key)
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, made.key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", certFile, err)
	}
	if made.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("make %s: %w", certFile, err)
	}
	m.put(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return made, nil
}

// pair reads a certificate with its key; nil where there is neither.
func (m *maker) pair(certFile, keyFile, help string) (*pair, error) {
	cert, err := m.read(certFile)
	if err != nil {
		return nil, err
	}
	key, err := m.read(keyFile)
	if err != nil {
		return nil, err
	}
	switch {
	case cert == nil && key == nil:
		return nil, nil
	case cert == nil:
		return nil, damaged(m.path(keyFile), fmt.Errorf("alone: %s is missing", certFile), "put it back; or "+help)
	case key == nil:
		return nil, damaged(m.path(certFile), fmt.Errorf("alone: %s is missing", keyFile), "put it back; or "+help)
	}
	p := &pair{}
	block, rest := pem.Decode(cert)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, damaged(m.path(certFile), errors.New("not one certificate in PEM"), help)
	}
	if p.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, damaged(m.path(certFile), fmt.Errorf("no certificate: %w", err), help)
	}
	block, _ = pem.Decode(key)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, damaged(m.path(keyFile), errors.New("no private key in PEM"), help)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, damaged(m.path(keyFile), fmt.Errorf("no private key: %w", err), help)
	}
	var ok bool
	if p.key, ok = parsed.(*ecdsa.PrivateKey); !ok {
		return nil, damaged(m.path(keyFile), errors.New("no ECDSA key"), help)
	}
	if !p.key.PublicKey.Equal(p.cert.PublicKey) {
		return nil, damaged(m.path(keyFile), fmt.Errorf("not the key of %s", certFile), help)
	}
	return p, nil
}

// names are all that the servers' certificate is to be for, sorted. Servers are
// found by the Service, each pod by the Service's name or the headless one's.
func (m *maker) names(before *pair) []string {
	ns := m.Namespace
	names := []string{"localhost", "127.0.0.1", "::1", "nats"}
	for _, end := range []string{"", "." + ns, "." + ns + ".svc", "." + ns + ".svc.cluster.local"} {
		names = append(names, "nats"+end, "*.nats"+end, "nats-headless"+end, "*.nats-headless"+end)
	}
	names = append(names, m.Hosts...)
	if before != nil {
		names = append(names, namesOf(before.cert)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	slices.Sort(names)
	return names
}

var (
	namespace = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	host      = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
)

// ErrUsage matches the error of a Config that can't be meant.
var ErrUsage = errors.New("wrong settings")

func (c *Config) validate() error {
	if c.Dir == "" {
		return fmt.Errorf("%w: no folder", ErrUsage)
	}
	if !namespace.MatchString(c.Namespace) {
		return fmt.Errorf("%w: namespace %q is none", ErrUsage, c.Namespace)
	}
	if c.Valid <= renewBefore {
		return fmt.Errorf("%w: a certificate that is valid for %s would be renewed at once: take more than %s", ErrUsage, c.Valid, renewBefore)
	}
	for i, h := range c.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.Hosts[i] = ip.String()
		} else if !host.MatchString(h) || len(h) > 253 {
			return fmt.Errorf("%w: host %q is no name or address", ErrUsage, strings.TrimSpace(h))
		}
	}
	return nil
}

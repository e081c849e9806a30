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

// certificates keeps the certificates of the authority and of the servers, or plans
// new ones.
func (m *maker) certificates() error {
	ca, err := m.pair(CACert, CAKey, "remove both to get a new authority; servers and clients then need the new files")
	if err != nil {
		return err
	}
	if ca != nil && !ca.cert.IsCA {
		return damaged(m.path(CACert), errors.New("not the certificate of an authority"), "remove it and "+CAKey)
	}
	server, err := m.pair(ServerCert, ServerKey, "remove both to get a new certificate for the servers")
	if err != nil {
		return err
	}
	names := m.names(server)
	if ca == nil || m.endsSoon(ca.cert) || !permits(ca.cert, names) {
		if ca, err = m.authority(ca, names); err != nil {
			return err
		}
	} else {
		m.keep(CACert)
		m.keep(CAKey)
	}
	if m.cfg.Renew || server == nil || m.endsSoon(server.cert) || server.cert.CheckSignatureFrom(ca.cert) != nil || !slices.Equal(names, namesOf(server.cert)) {
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

// endsSoon reports whether it is time to replace a certificate.
func (m *maker) endsSoon(c *x509.Certificate) bool {
	return m.cfg.Now.Add(renewBefore).After(c.NotAfter)
}

// authority plans a new certificate of the authority. It keeps the key of the one
// before, so the certificates that it has signed stay valid.
func (m *maker) authority(before *pair, names []string) (*pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "profiles"},
		NotAfter:              m.cfg.Now.Add(authorityValid),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains, template.PermittedIPRanges = constraints(names)
	return m.issue(CACert, CAKey, template, before, nil)
}

// constraints returns the domains and addresses that an authority of servers with these names may sign for.
// Somebody who has its key can then pretend to be these servers, and no others.
func constraints(names []string) (domains []string, addresses []*net.IPNet) {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			bits := 8 * len(ip)
			if short := ip.To4(); short != nil {
				ip, bits = short, 32
			}
			addresses = append(addresses, &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)})
			continue
		}
		// A domain stands for the names below it, too.
		domains = append(domains, strings.ToLower(strings.TrimPrefix(n, "*.")))
	}
	slices.Sort(domains)
	return slices.Compact(domains), addresses
}

// permits reports whether an authority has constraints, and may sign for servers with these names.
func permits(ca *x509.Certificate, names []string) bool {
	domains, addresses := constraints(names)
	for _, d := range domains {
		if !slices.Contains(ca.PermittedDNSDomains, d) {
			return false
		}
	}
	for _, a := range addresses {
		if !slices.ContainsFunc(ca.PermittedIPRanges, func(p *net.IPNet) bool { return p.String() == a.String() }) {
			return false
		}
	}
	return ca.PermittedDNSDomainsCritical
}

// server plans a new servers' certificate. Servers present it to clients, and to
// each other at both ends of a route.
func (m *maker) server(ca, before *pair, names []string) (*pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "nats"},
		NotAfter:              m.cfg.Now.Add(m.cfg.Valid),
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

// issue signs a certificate with the authority, or without one with its own key.
// It keeps the key of the certificate before, if there is one.
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
	template.NotBefore = m.cfg.Now.Add(-time.Hour) // clocks of clients may be behind
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

// pair reads a certificate with its key; nil if both files are missing.
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
		return nil, nil // neither is there
	case cert == nil:
		return nil, damaged(m.path(keyFile), fmt.Errorf("alone: %s is missing", certFile), "put "+certFile+" back; or "+help)
	case key == nil:
		return nil, damaged(m.path(certFile), fmt.Errorf("alone: %s is missing", keyFile), "put "+keyFile+" back; or "+help)
	}
	p := &pair{}
	block, rest := pem.Decode(cert)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, damaged(m.path(certFile), errors.New("not exactly one certificate in PEM"), help)
	}
	if p.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, damaged(m.path(certFile), fmt.Errorf("not a certificate: %w", err), help)
	}
	block, _ = pem.Decode(key)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, damaged(m.path(keyFile), errors.New("not a private key in PEM"), help)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, damaged(m.path(keyFile), fmt.Errorf("not a private key: %w", err), help)
	}
	var ok bool
	if p.key, ok = parsed.(*ecdsa.PrivateKey); !ok {
		return nil, damaged(m.path(keyFile), errors.New("not an ECDSA key"), help)
	}
	if !p.key.PublicKey.Equal(p.cert.PublicKey) {
		return nil, damaged(m.path(keyFile), fmt.Errorf("not the key of %s", certFile), help)
	}
	return p, nil
}

// names returns the sorted names that the servers' certificate must have. Clients
// reach the servers by the name of the Service, and each pod by a name below that of
// the Service or of the headless Service.
func (m *maker) names(before *pair) []string {
	ns := m.cfg.Namespace
	names := []string{"localhost", "127.0.0.1", "::1", "nats"}
	for _, end := range []string{"", "." + ns, "." + ns + ".svc", "." + ns + ".svc.cluster.local"} {
		names = append(names, "nats"+end, "*.nats"+end, "nats-headless"+end, "*.nats-headless"+end)
	}
	names = append(names, m.cfg.Hosts...)
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

// ErrUsage matches the error about a wrong Config.
var ErrUsage = errors.New("wrong settings")

func (c *Config) validate() error {
	if c.Dir == "" {
		return fmt.Errorf("%w: the folder is missing", ErrUsage)
	}
	if !namespace.MatchString(c.Namespace) {
		return fmt.Errorf("%w: namespace %q: it must be a name of lower-case letters, digits and hyphens", ErrUsage, c.Namespace)
	}
	if c.Valid <= renewBefore {
		return fmt.Errorf("%w: a certificate valid for %s would be renewed at once: it must be more than %s", ErrUsage, c.Valid, renewBefore)
	}
	for i, h := range c.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.Hosts[i] = ip.String()
		} else if !host.MatchString(h) || len(h) > 253 {
			return fmt.Errorf("%w: host %q is not a host name or an IP address", ErrUsage, h)
		}
	}
	return nil
}

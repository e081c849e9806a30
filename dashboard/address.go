package dashboard

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/cis490/profiles/internal/service"
)

// proxies are the networks of TRUSTED_PROXIES.
type proxies []netip.Prefix

// parseProxies parses addresses and networks.
func parseProxies(texts []string) (proxies, error) {
	all := make(proxies, len(texts))
	for i, text := range texts {
		text = strings.TrimSpace(text)
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var one netip.Addr
			if one, err = netip.ParseAddr(text); err == nil {
				network, err = one.Unmap().Prefix(one.Unmap().BitLen())
			}
		}
		if err != nil {
			return nil, fmt.Errorf("TRUSTED_PROXIES has %q: it must be an address or a network, such as 10.0.0.0/8", text)
		}
		all[i] = network.Masked()
	}
	return all, nil
}

// contain reports whether an address is that of a proxy.
func (p proxies) contain(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// clientOf returns the address of the client that sent a request (service.ClientOf). Proxies
// append the address that they see to X-Forwarded-For. So the last address there that is not
// a proxy's is the client's; clients can write anything before it.
func (p proxies) clientOf(r *http.Request) netip.Addr {
	client := service.ParseAddress(r.RemoteAddr)
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, before := range slices.Backward(forwarded) {
		a := service.ParseAddress(strings.TrimSpace(before))
		if !p.contain(client) || !a.IsValid() {
			break
		}
		client = a
	}
	return service.ClientOf(client)
}

// perClient counts what clients have, by service.ClientOf. It is safe for concurrent use.
type perClient struct {
	mu    sync.Mutex
	count map[netip.Addr]int
}

// take adds 1 to the client's count, unless it is most already. The caller must release.
func (c *perClient) take(client netip.Addr, most int) (release func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count[client] >= most {
		return nil, false
	}
	if c.count == nil {
		c.count = map[netip.Addr]int{}
	}
	c.count[client]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.count[client]--; c.count[client] == 0 {
			delete(c.count, client)
		}
	}, true
}

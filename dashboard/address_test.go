package dashboard

import (
	"net/http"
	"testing"
)

func TestClientOf(t *testing.T) {
	proxies, err := parseProxies([]string{"10.0.0.0/8", " 192.0.2.1", "2001:db8::7"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"203.0.113.5:80", nil, "203.0.113.5"},
		{"203.0.113.5:80", []string{"1.2.3.4"}, "203.0.113.5"}, // no proxy: the header says nothing
		{"10.1.2.3:80", []string{"1.2.3.4"}, "1.2.3.4"},
		{"10.1.2.3:80", []string{"9.9.9.9, 1.2.3.4, 10.7.7.7"}, "1.2.3.4"}, // clients write the first ones
		{"10.1.2.3:80", []string{"9.9.9.9", "1.2.3.4", "192.0.2.1"}, "1.2.3.4"},
		{"[::ffff:10.1.2.3]:80", []string{"1.2.3.4:5678"}, "1.2.3.4"},
		{"10.1.2.3:80", nil, "10.1.2.3"},
		{"10.1.2.3:80", []string{"unknown"}, "10.1.2.3"},
		{"10.1.2.3:80", []string{"1.2.3.4, "}, "10.1.2.3"},
		{"10.1.2.3:80", []string{"10.9.9.9"}, "10.9.9.9"},
		{"[2001:db8::7]:80", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::"},
		{"[2001:db8::8]:80", []string{"1.2.3.4"}, "2001:db8::"},
		{"[fe80::1%eth0]:80", nil, "fe80::"},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := proxies.clientOf(r).String(); got != test.want {
			t.Errorf("%s %q: %s, want %s", test.remote, test.forwarded, got, test.want)
		}
	}
}

package episode

import "fmt"

// A Host is the id of a recording host: a letter or digit, then up to 127 letters, digits, dots,
// underscores or hyphens, all ASCII.
type Host string

// An ID is the id of an episode, unique within its host. It has the grammar of [Host].
type ID string

// A Ref names one episode. Use [ParseRef] to make one of strings that may not be well-formed.
type Ref struct {
	Host Host
	ID   ID
}

// ParseRef returns the reference of an episode. If a part is not well-formed, the error names the
// part and its value.
func ParseRef(host, id string) (Ref, error) {
	ref := Ref{Host(host), ID(id)}
	if !isName(host) {
		return ref, fmt.Errorf("host_id %s is not well-formed", quote(host))
	}
	if !isName(id) {
		return ref, fmt.Errorf("episode_id %s is not well-formed", quote(id))
	}
	return ref, nil
}

// String returns "host/id".
func (r Ref) String() string { return string(r.Host) + "/" + string(r.ID) }

// isName reports whether s matches [A-Za-z0-9][A-Za-z0-9._-]{0,127}.
func isName(s string) bool {
	if len(s) < 1 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// quote returns s quoted for a message, cut if it is long.
func quote(s string) string {
	if clipped := clip(s); len(clipped) < len(s) {
		return fmt.Sprintf("%q...", clipped)
	}
	return fmt.Sprintf("%q", s)
}

package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// contentPolicy allows the page its own files and inline images, nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// answerTimeout bounds answers whose handlers set no write deadline.
const answerTimeout = 30 * time.Second

// secure sets the security headers and the write deadline of each answer. The
// server has no write time-out of its own, since feeds do not end.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the address may contain a token
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
		next.ServeHTTP(w, r)
	})
}

// checkHost refuses requests whose Host is neither a loopback address nor one of
// ALLOWED_HOSTS. Without it, another site could let its own name point to a
// loopback address and read the dashboard through a visitor's browser.
func (d *Dashboard) checkHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.isAllowedHost(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		// The server reads the rest of the body before it closes the connection.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
		w.Header().Set("Connection", "close")
		http.Error(w, "this dashboard listens on a loopback address and does not answer to that name: see ALLOWED_HOSTS", http.StatusMisdirectedRequest)
	})
}

func (d *Dashboard) isAllowedHost(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return true
	}
	return slices.Contains(d.cfg.AllowedHosts, "*") || slices.Contains(d.cfg.AllowedHosts, host)
}

// hasToken reports whether a request carries the token, in its Authorization
// header or, with inQuery, as ?token=. An empty token allows every request. The
// comparison takes the same time for every given token.
func hasToken(r *http.Request, token string, inQuery bool) bool {
	if token == "" {
		return true
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		given = ""
	}
	if given == "" && inQuery {
		given = r.URL.Query().Get("token") // an EventSource can't set headers
	}
	a, b := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// requireReadToken wraps the handlers that return events.
func (d *Dashboard) requireReadToken(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !hasToken(r, d.cfg.ReadToken, true) {
			unauthorized(w, "reading events requires a token: Authorization: Bearer <READ_TOKEN>, or ?token=")
			return
		}
		next(w, r)
	}
}

func unauthorized(w http.ResponseWriter, message string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="profiles"`)
	http.Error(w, message, http.StatusUnauthorized)
}

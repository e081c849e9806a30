package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// contentPolicy allows the page its own files and inline images, nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// secure sets the security headers of each answer.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the address may contain a token
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), unload=(self), usb=()")
		next.ServeHTTP(w, r)
	})
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

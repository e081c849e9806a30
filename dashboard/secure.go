package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// What browsers may do with what is served. The page needs nothing from
// elsewhere and no inline script.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// writeTime is how long an answer may take that sets no time of its own.
const writeTime = 30 * time.Second

// secure sets the headers that every answer has, and a time limit: the server
// itself has none, since a feed goes on for ever.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // a token may stand in the address
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
		next.ServeHTTP(w, r)
	})
}

// allowed tells whether a request has the token, in constant time.
func allowed(r *http.Request, token string, inQuery bool) bool {
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

// reads lets only those read events who may.
func (d *Dashboard) reads(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !allowed(r, d.cfg.ReadToken, true) {
			unauthorized(w, "reading events takes a token: Authorization: Bearer <READ_TOKEN>, or ?token=")
			return
		}
		next(w, r)
	}
}

func unauthorized(w http.ResponseWriter, sentence string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="profiles"`)
	http.Error(w, sentence, http.StatusUnauthorized)
}

package main

import (
	"bytes"
	"encoding/pem"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// User is whom every image runs as: nobody who exists on a host, and the one
// that distroless images use.
const User = "65532:65532"

// File is one regular file of an image, at a path without a leading slash.
type File struct {
	Path string
	Body []byte
}

// Rootfs is all that an image has beside its binary: the user, and the
// authorities that TLS servers are checked against, where Go looks for them.
// There is no shell, no library, and no folder that the user may write to.
func Rootfs() []File {
	return []File{
		{"etc/group", []byte("nonroot:x:65532:\n")},
		{"etc/passwd", []byte("nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		{"etc/ssl/certs/ca-certificates.crt", authorities()},
	}
}

// authorities are Mozilla's, as PEM. One that Mozilla trusts only in part (for
// certificates issued before some day) is left out, since PEM can't say so.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		// A bytes.Buffer takes everything.
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
	}
	return b.Bytes()
}

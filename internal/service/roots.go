package service

// The container images have no files but the binary. Where the system has no CA certificates, use those that Mozilla
// trusts; certificates of the system come first.
import _ "golang.org/x/crypto/x509roots/fallback"

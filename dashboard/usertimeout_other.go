//go:build !linux

package dashboard

import "net"

// setUserTimeout does nothing: the system's own time-out applies.
func setUserTimeout(*net.TCPConn) {}

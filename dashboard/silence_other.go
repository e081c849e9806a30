//go:build !linux

package dashboard

import "net"

// giveUpOnSilence leaves it to the system when a machine that vanished is noticed.
func giveUpOnSilence(*net.TCPConn) {}

package dashboard

import (
	"net"
	"syscall"
	"time"
)

// silence is how long written bytes may go unacknowledged by the other machine
// before the connection is given up. Without it, a machine that vanished is
// noticed after a quarter of an hour.
const silence = 30 * time.Second

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name.
const tcpUserTimeout = 18

func giveUpOnSilence(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(silence.Milliseconds()))
	})
}

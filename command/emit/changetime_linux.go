package emit

import (
	"os"
	"syscall"
	"time"
)

// changeTime returns when the inode was changed last.
func changeTime(info os.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return time.Time{}
}

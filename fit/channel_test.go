package fit

import "testing"

func TestUnit(t *testing.T) {
	for channel, want := range map[string]string{
		"proc.cpu_user_jiffies": "jiffies/s", "proc.cpu_sys_jiffies": "jiffies/s", "proc.io_read_bytes": "bytes/s",
		"proc.io_rchar": "bytes/s", "proc.io_wchar": "bytes/s", "proc.minflt": "1/s", "proc.ctxt_voluntary": "1/s",
		"proc.rss_bytes": "bytes", "proc.vsize_bytes": "bytes", "proc.num_threads": "", "host.mem_free_kb": "kB",
		"net.rx_bytes": "bytes", "host.minflt": "", "qemu.blk.read_bytes": "bytes", "": "",
	} {
		if got := Unit(channel); got != want {
			t.Errorf("the unit of %q is %q, want %q", channel, got, want)
		}
	}
}

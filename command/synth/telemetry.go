package synth

import (
	"bytes"
	"strconv"
)

const jiffiesPerSecond = 100

// A recorder turns activity into the rows of the three sources. Counters are kept as exact amounts and written rounded down, as a
// kernel counts.
type recorder struct {
	host  host
	run   run
	shape shape
	plan  schedule
	epoch int64 // wall clock at the first label, ns
	noise *random
	buf   bytes.Buffer
}

// A field is one number of a row. The key is written as it is, such as `, "pid": `.
type field struct {
	key   string
	value int64
}

func (r *recorder) writeRow(t float64, fields []field) {
	b := r.buf.AvailableBuffer()
	b = append(b, `{"t_wall_ns": `...)
	b = strconv.AppendInt(b, r.epoch+int64(t*1e9), 10)
	for _, f := range fields {
		b = append(b, f.key...)
		b = strconv.AppendInt(b, f.value, 10)
	}
	b = append(b, '}', '\n')
	r.buf.Write(b)
}

// vary returns x with the host's noise, never below 0.
func (r *recorder) vary(x float64) float64 {
	return float64(x * max(1+float64(r.host.noise*r.noise.noise()), 0))
}

// sample calls row for each of a source's instants t, with the seconds dt since the instant before (0 for the first) and the
// activity at t.
func (r *recorder) sample(row func(t, dt float64, a activity)) {
	before := 0.0
	for i, t := range r.plan.instants(r.noise, r.host.jitter) {
		step, through := r.plan.at(t)
		a := r.shape.at(r.run, step, through)
		dt := t - before
		if i == 0 {
			dt = 0
		}
		row(t, dt, a)
		before = t
	}
}

// proc writes telemetry-proc.jsonl: the guest's process, as /proc of its host has it.
func (r *recorder) proc() {
	h, rnd := r.host, r.noise
	pid := int64(1000 + rnd.below(30000))
	user, sys := rnd.between(5, 40), rnd.between(5, 60)
	rchar, wchar := rnd.between(1e6, 3e6), rnd.between(0, 1e5)
	diskRead, diskWrite := rnd.between(0, 1e6), 0.0
	minor, major := rnd.between(2500, 9000), rnd.between(0, 12)
	voluntary, involuntary := rnd.between(50, 500), rnd.between(10, 90)
	reads, writes, delay, nanos := rnd.between(800, 3000), rnd.between(10, 90), rnd.between(0, 4), rnd.between(1e9, 3e9)
	queued := rnd.between(1e8, 9e8)
	quietMB, address := rnd.between(17, 21), rnd.between(300, 420)
	r.sample(func(t, dt float64, a activity) {
		u, s := float64(r.vary(a.user)*h.scale), float64(r.vary(a.sys)*h.scale)
		user += float64(min(u, 1) * dt * jiffiesPerSecond)
		sys += float64(min(s, 1) * dt * jiffiesPerSecond)
		nanos += float64(min(u+s, 2) * dt * 1e9)
		read, write := float64(r.vary(a.read)*h.scale), float64(r.vary(a.write)*h.scale)
		queued += float64(r.vary(2e6+float64(4e7*(a.user+a.sys))) * dt)
		rchar, wchar = rchar+float64(read*dt), wchar+float64(write*dt)
		diskRead += float64(r.vary(a.diskRead) * dt)
		diskWrite += float64(r.vary(a.diskWrite) * dt)
		minor += float64(r.vary(a.faults) * h.scale * dt)
		major += float64(a.diskRead * dt / 2e6)
		voluntary += float64(r.vary(20+a.sent+a.received+float64(60*a.sys)) * dt)
		involuntary += float64(r.vary(1+float64(45*(a.user+a.sys))) * dt)
		reads += float64((read/4096 + 2) * dt)
		writes += float64((write/65536 + 0.2) * dt)
		delay += float64(a.diskWrite * dt / 4e6)
		resident := quietMB + float64(a.resident*h.scale)
		state := int64(0)
		if a.user+a.sys > rnd.unit() {
			state = 1
		}
		pages := int64(resident * 256)
		r.writeRow(t, []field{
			{`, "pid": `, pid},
			{`, "running": `, state},
			{`, "cpu_user_jiffies": `, int64(user)},
			{`, "cpu_sys_jiffies": `, int64(sys)},
			{`, "io_read_bytes": `, int64(diskRead) &^ 4095},
			{`, "io_write_bytes": `, int64(diskWrite) &^ 4095},
			{`, "io_rchar": `, int64(rchar)},
			{`, "io_wchar": `, int64(wchar)},
			{`, "io_syscr": `, int64(reads)},
			{`, "io_syscw": `, int64(writes)},
			{`, "minflt": `, int64(minor)},
			{`, "majflt": `, int64(major)},
			{`, "ctxt_voluntary": `, int64(voluntary)},
			{`, "ctxt_involuntary": `, int64(involuntary)},
			{`, "rss_bytes": `, pages * 4096},
			{`, "vsize_bytes": `, int64(address+a.resident) << 20},
			{`, "num_threads": `, int64(1 + a.threads)},
			{`, "num_fds": `, int64(3 + a.files)},
			{`, "blkio_delay_jiffies": `, int64(delay)},
			{`, "runtime_ns": `, int64(nanos)},
			{`, "wait_ns": `, int64(queued)},
		})
	})
}

// hostwide writes telemetry-host.jsonl: /proc/stat and /proc/meminfo of the host, on which other guests run, too.
func (r *recorder) hostwide() {
	h, rnd := r.host, r.noise
	up := float64(h.boot)
	user, nice, system, idle := float64(up*21), float64(up*3), float64(up*9), float64(up*360)
	wait, soft, steal := float64(up*0.7), float64(up*0.4), float64(up*0.2)
	switches, forks, interrupts := float64(up*9000), float64(up*2.2), float64(up*5200)
	others := rnd.between(0.2, 1.4) // cores that the other guests use
	cached, dirty := float64(float64(h.memory)*rnd.between(0.2, 0.3)), rnd.between(300, 3000)
	free := float64(float64(h.memory) * rnd.between(0.3, 0.5))
	pagesIn, pagesOut := float64(up*40), float64(up*130)
	stalled, blocked := float64(up*21e3), float64(up*4e3)
	r.sample(func(t, dt float64, a activity) {
		others = min(max(others+float64(0.03*rnd.noise()), 0.1), 2)
		busy := r.vary(others)
		user += float64((a.user + float64(0.6*busy)) * dt * jiffiesPerSecond)
		nice += float64(0.1 * busy * dt * jiffiesPerSecond)
		system += float64((a.sys + float64(0.25*busy)) * dt * jiffiesPerSecond)
		idle += float64(max(4-a.user-a.sys-busy, 0) * dt * jiffiesPerSecond)
		wait += float64(a.diskWrite / 3e7 * dt * jiffiesPerSecond)
		soft += float64((0.01 + a.received/40000) * dt * jiffiesPerSecond)
		steal += float64(0.004 * dt * jiffiesPerSecond)
		switches += float64(r.vary(2500+float64(4000*busy)+float64(a.sent*3)) * dt)
		forks += float64(r.vary(1.5) * dt)
		interrupts += float64(r.vary(1800+float64(1500*busy)+a.received) * dt)
		dirty = max(dirty+float64(a.diskWrite/1024*dt)-float64(dirty*0.3*dt)+float64(6*rnd.noise()), 0)
		cached += float64((a.diskRead + a.diskWrite) / 1024 * dt * 0.2)
		free += float64(400 * rnd.noise())
		pagesIn += float64(a.diskRead / 1024 * dt)
		pagesOut += float64((a.diskWrite/1024 + 20) * dt)
		used := int64(free - float64(a.resident*1024))
		stalled += float64(r.vary(float64(9e4*busy)+float64(2e5*a.user)) * dt)
		blocked += float64(r.vary(4e3+a.diskWrite/60) * dt)
		runnable := int64(1 + float64(2*busy) + a.user + float64(2*rnd.unit()))
		r.writeRow(t, []field{
			{`, "cpu_user": `, int64(user)},
			{`, "cpu_nice": `, int64(nice)},
			{`, "cpu_system": `, int64(system)},
			{`, "cpu_idle": `, int64(idle)},
			{`, "cpu_iowait": `, int64(wait)},
			{`, "cpu_irq": `, 0},
			{`, "cpu_softirq": `, int64(soft)},
			{`, "cpu_steal": `, int64(steal)},
			{`, "ctxt": `, int64(switches)},
			{`, "intr": `, int64(interrupts)},
			{`, "processes": `, int64(forks)},
			{`, "procs_running": `, runnable},
			{`, "procs_blocked": `, int64(a.diskWrite / 1.5e7)},
			{`, "mem_free_kb": `, used &^ 3},
			{`, "mem_available_kb": `, (used + int64(cached*0.8)) &^ 3},
			{`, "cached_kb": `, int64(cached) &^ 3},
			{`, "dirty_kb": `, int64(dirty) &^ 3},
			{`, "writeback_kb": `, int64(dirty/40) &^ 3},
			{`, "psi_cpu_some_us": `, int64(stalled)},
			{`, "psi_io_some_us": `, int64(blocked)},
			{`, "pgpgin": `, int64(pagesIn)},
			{`, "pgpgout": `, int64(pagesOut)},
		})
	})
}

// net writes telemetry-net.jsonl: the guest's network.
func (r *recorder) net() {
	rnd := r.noise
	in, out := rnd.between(2e3, 9e3), rnd.between(2e3, 9e3)
	inBytes, outBytes := float64(in*310), float64(out*140)
	opens, passive, failed, resets := rnd.between(20, 80), rnd.between(0, 9), rnd.between(0, 5), rnd.between(0, 3)
	again, datagrams, dropped := rnd.between(0, 4), rnd.between(100, 400), 0.0
	waiting := 0.0
	r.sample(func(t, dt float64, a activity) {
		sent, received := float64(r.vary(a.sent)*r.host.scale), float64(r.vary(a.received)*r.host.scale)
		dialed := float64(r.vary(a.dialed) * r.host.scale)
		in, out = in+float64((received+0.8)*dt), out+float64((sent+0.8)*dt)
		inBytes += float64((received + 0.8) * dt * r.noise.between(180, 420))
		outBytes += float64((sent + 0.8) * dt * r.noise.between(70, 190))
		opens += float64((dialed + sent/60) * dt)
		failed += float64(dialed * 0.93 * dt)
		resets += float64(dialed * 0.05 * dt)
		passive += float64(0.05 * dt)
		again += float64((float64(dialed*0.2) + sent/2000) * dt)
		datagrams += float64((1 + sent/25) * dt)
		dropped += float64(dialed * 0.001 * dt)
		waiting = max(waiting+float64((float64(dialed*0.07)+sent/60)*dt)-float64(waiting*0.02*dt), 0)
		open := int64(2 + sent/80)
		r.writeRow(t, []field{
			{`, "rx_bytes": `, int64(inBytes)},
			{`, "rx_packets": `, int64(in)},
			{`, "rx_errors": `, 0},
			{`, "rx_dropped": `, int64(dropped)},
			{`, "tx_bytes": `, int64(outBytes)},
			{`, "tx_packets": `, int64(out)},
			{`, "tcp_active_opens": `, int64(opens)},
			{`, "tcp_passive_opens": `, int64(passive)},
			{`, "tcp_attempt_fails": `, int64(failed)},
			{`, "tcp_estab_resets": `, int64(resets)},
			{`, "tcp_curr_estab": `, open},
			{`, "tcp_in_segs": `, int64(in * 0.96)},
			{`, "tcp_out_segs": `, int64(out * 0.97)},
			{`, "tcp_retrans_segs": `, int64(again)},
			{`, "udp_in_datagrams": `, int64(datagrams)},
			{`, "udp_out_datagrams": `, int64(datagrams * 1.02)},
			{`, "sockets_used": `, 110 + open},
			{`, "tcp_time_wait": `, int64(waiting)},
		})
	})
}

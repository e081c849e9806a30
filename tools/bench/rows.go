package main

// A run is one go test of benchmarks, and the rows of its figures.
type run struct {
	pkg, benchmark, times string
	rows                  []row
}

// A row shows figures of one benchmark.
type row struct {
	what      string
	benchmark string // its name as go test prints it, without "Benchmark" and the number of processors
	text      string // with {units}, see figure
	goal      string
}

const (
	decoded = "{1e6/decode-µs} episodes/s, {KB/decode-µs/1e-3} MB/s"
	aligned = "{1e6/align-µs} episodes/s, {KB/align-µs/1e-3} MB/s; {x-decode} times decompressing"
	stored  = "{1e6/entry-µs} episodes/s; {x-zstd} times `zstd -dc` for each file, {x-zstd-one} times one for all"
	python  = "{episodes/s} episodes/s, {cpu-µs} µs of CPU each"
	fitted  = "{s} s, {rows-s} s of it for the rows, making archives included; {opened} archives opened, {used} used"
	big     = "{s} s; {worker-cpu-s} s of CPU for the workers, {server-cpu-s} s for NATS, {render-cpu-s} s for making archives; " +
		"{opened} opened, {x-opened} times K·(1 + ln(n/K)); {worker-MiB} MiB; log {log-MB} MB, curves {curves-MB} MB; published in {publish-s} s"
)

var runs = []run{
	{"./align", "Cost", "30x", []row{
		{"decompress, recorded", "Cost/recorded", decoded, ""},
		{"read and align, recorded", "Cost/recorded", aligned, "1.5 times"},
		{"from a file, recorded", "Cost/recorded", stored, "less than `zstd -dc`"},
		{"read and align with the signature, recorded", "Cost/recorded-signature", aligned, ""},
		{"decompress, synthetic", "Cost/synthetic", decoded, ""},
		{"read and align, synthetic", "Cost/synthetic", aligned, "1.5 times"},
		{"from a file, synthetic", "Cost/synthetic", stored, "less than `zstd -dc`"},
		{"read and align with the signature, synthetic", "Cost/synthetic-signature", aligned, ""},
	}},
	{"./align", "Python", "3x", []row{
		{"numpy, strict parser, one process", "Python/strict/1", python, ""},
		{"numpy, json, one process", "Python/json/1", python, ""},
		{"numpy, orjson, one process", "Python/orjson/1", python, ""},
		{"numpy, orjson, two processes", "Python/orjson/2", python, ""},
		{"the same archives here, one goroutine", "Python/profiles/1", python, ""},
		{"the same archives here, two", "Python/profiles/2", python, ""},
	}},
	{"./fit", "Reduce/n=(100|10000)$/random", "100x", []row{
		{"reduce N = 100", "Reduce/n=100/random", "{ns/op/1e3} µs", "100 µs"},
		{"reduce N = 10,000", "Reduce/n=10000/random", "{ns/op/1e6} ms", "20 ms"},
	}},
	{"./command/batch", "Fit", "10x", []row{
		{"`profiles fit`, all cores", "Fit", "{x-one} times one core", "1.8 times, of two"},
	}},
	{"./test/scale", "Batch", "3x", []row{
		{"`profiles fit`, 102,000 rows, bottom-k", "Batch/bottomk", fitted, ""},
		{"`profiles fit`, 102,000 rows, numpy's choice", "Batch/numpy", fitted, ""},
	}},
	{"./command/standalone", "AcceptedToEvent", "5x", []row{
		{"from accept to event, idle", "AcceptedToEvent/0-others", "p50 {p50-ms}, p99 {p99-ms}, p99.9 {p99.9-ms} ms", ""},
		{"from accept to event, 1,000 others a second", "AcceptedToEvent/1000-others", "p50 {p50-ms}, p99 {p99-ms}, p99.9 {p99.9-ms} ms", ""},
	}},
	{"./test/scale", "Start", "3x", []row{
		{"a worker's start, 60,000 curves", "Start", "{s} s; {cpu-s} s of CPU, NATS included", "3 s"},
	}},
	{"./test/scale", "Log", "1x", []row{
		{"a log of 10,000 episodes", "Log/10000", big, ""},
		{"a log of 100,000", "Log/100000", big, ""},
		{"a log of 1,000,000", "Log/1000000", big, "60 s; 1.2 times; 64 MiB"},
	}},
}

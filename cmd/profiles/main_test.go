package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/streamer"
)

func TestMain(m *testing.M) {
	// The environment of the machine must not change a test.
	for _, key := range []string{"NATS_URL", "NATS_CREDS", "NATS_NKEY", "NATS_CA", "NATS_CERT", "NATS_KEY", "NATS_INBOX_PREFIX", "LOG_LEVEL", "TOPOLOGY", "PUBLISH_TOKEN", "PUBLISH_URL", "LISTEN", "FIT_SPEC",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_ENDPOINT"} {
		_ = os.Unsetenv(key)
	}
	goleak.VerifyTestMain(m)
}

const recordedStore = "../../examples/recorded/store"

// call runs one command line in this process.
func call(t testing.TB, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(bustest.Context(t), args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// must runs a command line that must succeed, and returns its stdout.
func must(t testing.TB, args ...string) string {
	t.Helper()
	code, stdout, stderr := call(t, "", args...)
	if code != 0 {
		t.Fatalf("profiles %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMistakes: every kind of wrong input has its exit code, exactly one line on
// stderr that says what is wrong, and nothing on stdout.
func TestMistakes(t *testing.T) {
	whole := string(episodetest.Episode(450).Bytes())
	unusable := string(episodetest.Episode(450).With("labels.jsonl", episodetest.Labels("clean", "infecting", "infected_running", "clean", "clean")).Bytes())
	noSources := string(episodetest.Episode(450).Without("telemetry-proc.jsonl").Without("telemetry-host.jsonl").Bytes())
	const noServer = "nats://127.0.0.1:1"
	cases := []struct {
		args  string
		stdin string
		code  int
		says  string
	}{
		{"fti", "", 2, `unknown command "fti"`},
		{"--no-such", "", 2, "unknown flag: --no-such"},
		{"version extra", "", 2, `unexpected argument "extra"`},
		{"fit --store . --model-out -", "", 2, "--model-out -: it can't be standard input or output, give a name (./- is a file of the name -)"},
		{"emit --validation -", "", 2, "--validation -: it can't be standard input or output"},
		{"synth --out -", "", 2, "--out -: it can't be standard input or output"},
		{"show -", "no parquet", 1, "standard input: "},
		{"--log-level loud version", "", 2, `the log level is "loud" (--log-level, LOG_LEVEL)`},

		{"fit", "", 2, "--store DIR is missing"},
		{"fit extra", "", 2, `unexpected argument "extra"`},
		{"fit --no-such", "", 2, "unknown flag"},
		{"fit --store", "", 2, "flag needs an argument: --store"},
		{"fit --store STORE --seed -1", "", 2, `--seed is "-1": it must be a whole number, 0 or more`},
		{"fit --store STORE --seed x", "", 2, "--seed"},
		{"fit --store STORE --n-points 4", "", 2, "--n-points: scale points: 4 is not from 5 to 100000"},
		{"fit --store STORE --n-episodes-per-profile 0", "", 2, "--n-episodes-per-profile: target: 0 is not from 1 to 100000"},
		{"fit --store STORE --sampler best", "", 2, `sampler "best": it must be bottomk or numpy`},
		{"fit --store STORE --resample cubic", "", 2, `--resample: resample "cubic" is neither linear nor mean`},
		{"fit --store STORE --concurrency -1", "", 2, "--concurrency is -1: it must be from 0 to 1024"},
		{"fit --store STORE --spec nowhere.yaml", "", 2, "read the spec: open nowhere.yaml: no such file or directory"},
		{"fit --store STORE --spec SPEC", "", 2, "parse spec line 2: no_such_key: unknown key"},
		{"fit --store STORE --model-out OUT --features reference --signatures-out OUT", "", 2, "a model of reference features needs other channels than the spec's signature; make the two files in two runs"},
		{"fit --store nowhere --validation FILE", "", 1, "nowhere"},
		{"fit --store ftp://bucket --validation FILE", "", 1, "nats://bucket or s3://bucket/prefix"},
		{"fit --store s3://bucket --validation FILE", "", 1, "AWS_ACCESS_KEY_ID"},
		{"fit --store s3://bucket", "", 2, "--validation FILE is missing"},
		{"fit --store STORE --validation nowhere.parquet --fit-out OUT", "", 1, "nowhere.parquet"},
		{"fit --store STORE --validation FILE --fit-out OUT", "", 1, "no column episode_id; the file has text"},
		{"fit --store STORE --fit-out FILE/below", "", 1, "FILE"},

		{"curve", "", 2, "FILE.tar.zst is missing"},
		{"curve a b", "", 2, "one argument too many"},
		{"curve -", "", 4, "corrupt archive"},
		{"curve -", noSources, 3, "no member has channels in this format; the archive has \"labels.jsonl\", \"meta.json\""},
		{"curve - --spec SPEC", "", 2, "line 2"},
		{"curve - -c cpu", "", 2, "--channel cpu: it must be <source>.<field>, such as proc.cpu_user_jiffies"},
		{"curve - -c proc.x --n-points 3", "", 2, "--n-points"},
		{"curve - -c proc.x --resample cubic", "", 2, "--resample"},
		{"curve nowhere.tar.zst -c proc.x", "", 1, "nowhere.tar.zst"},
		{"curve - -c proc.cpu_user_jiffies", unusable, 3, "armed"},
		{"curve - -c proc.nothing", whole, 3, "nothing"},
		{"curve - -c absent.nothing", whole, 3, "absent"},
		{"curve - -c proc.cpu_user_jiffies", "no archive", 4, "corrupt archive"},
		{"curve - -c proc.cpu_user_jiffies", whole[:len(whole)/2], 4, "corrupt archive"},
		{"curve - -c proc.cpu_user_jiffies", "", 4, "corrupt archive"},

		{"plot", "", 2, "FILE.parquet or FILE.json is missing"},
		{"plot x.parquet", "", 2, "--out FILE.png or FILE.svg is missing"},
		{"plot x.parquet --out x.jpg", "", 2, "--out x.jpg: its name must end in .png or .svg"},
		{"plot x.parquet --out x.svg --phase armed", "", 2, "--phase and --profile need a file of signatures, FILE.json"},
		{"plot nowhere.parquet --out OUT.png", "", 1, "nowhere.parquet"},
		{"plot FILE --out OUT.png", "", 1, "no readable parquet file"},

		{"show", "", 2, "FILE.parquet is missing"},
		{"show a b", "", 2, "one argument too many"},
		{"show nowhere.parquet", "", 1, "nowhere.parquet"},
		{"show FILE --json", "", 1, "no readable parquet file"},

		{"synth", "", 2, "--out DIR is missing"},
		{"synth --out OUT --episodes-per-profile 0", "", 2, "--episodes-per-profile is 0: it must be from 1 to 10000000"},
		{"synth --out OUT --profiles other", "", 2, `--profiles: unknown profile "other", it must be one of bursty-c2, `},
		{"synth --out FILE/below", "", 1, "FILE"},

		{"inspect", "", 2, "ARCHIVE or STORE is missing"},
		{"inspect nowhere", "", 1, "nowhere"},
		{"inspect s3://bucket", "", 2, "inspect takes an archive or a directory; copy some archives of the store into a directory <host>/ first"},
		{"inspect STORE --archives 0", "", 2, "--archives is 0: it must be from 1 to 10000"},
		{"inspect EMPTY", "", 1, "there is no archive"},
		{"inspect -", "no archive", 4, "corrupt archive"},
		{"inspect FILE", "", 4, "corrupt archive"},

		{"check", "", 2, "--store DIR is missing"},
		{"check --store STORE --sample -1", "", 2, "--sample is -1: it must be 0, which means all, or more"},
		{"check --store STORE --concurrency 5000", "", 2, "--concurrency"},
		{"check --store STORE --spec SPEC", "", 2, "line 2"},
		{"check --store STORE --validation nowhere.parquet", "", 1, "nowhere.parquet"},

		{"pack", "", 2, "DIR is missing"},
		{"pack nowhere", "", 2, "--out STORE is missing"},
		{"pack nowhere --out OUT", "", 1, "nowhere"},
		{"pack EMPTY --out OUT", "", 1, "there is no episode"},

		{"emit", "", 2, "one of --store DIR, --validation FILE and --rejected is missing"},
		{"emit --rejected --follow", "", 2, "--rejected and --follow cannot be combined"},
		{"emit --store s3://bucket", "", 2, "--validation"},
		{"emit --store STORE --dry-run --follow", "", 2, "--dry-run and --follow cannot be combined"},
		{"emit --store STORE --listen :8450", "", 2, "--listen needs --follow"},
		{"emit --validation FILE --upload nats://episodes", "", 2, "--upload needs --store DIR, from which archives are copied"},
		{"emit --store STORE --nats " + noServer, "", 1, "(is a server running there? Set --nats or NATS_URL; `profiles up` starts one)"},
		{"emit --rejected --nats " + noServer, "", 1, "connect to NATS"},

		{"status --timeout 1s", "", 2, "--timeout needs --wait"},
		{"status --wait --timeout -1s", "", 2, "--timeout is -1s: it must not be negative"},
		{"status --wait --timeout soon", "", 2, `--timeout is "soon": it must be a time with its unit, such as 500ms, 10s, 5m or 1h30m`},
		{"status --nats " + noServer, "", 1, "connect to NATS"},
		{"status --nats http://127.0.0.1:1", "", 2, "services need the port for clients, such as nats://127.0.0.1:4222, not one of HTTP"},
		{"status --wait --nats " + noServer, "", 1, "connect to NATS"},
		{"export --nats " + noServer, "", 1, "connect to NATS"},
		{"export --spec SPEC", "", 2, "line 2"},
		{"topology --nats " + noServer, "", 1, "connect to NATS"},
		{"topology --spec SPEC", "", 2, "line 2"},
		{"topology --patience -1s", "", 2, "--patience is -1s: it must not be negative"},

		{"gc extra", "", 2, `unexpected argument "extra"`},
		{"gc --idle -1s", "", 2, "--idle is -1s: it must not be negative"},
		{"gc --idle soon", "", 2, "--idle"},
		{"gc --nats " + noServer, "", 1, "connect to NATS"},

		{"stream --also-perf-latency-us 3", "", 2, "--also-perf-latency-us needs --also-metric: the plot shows a latency at its accuracy"},
		{"stream --also-metric x", "", 2, `--also-metric is "x": "x" is not a number of at least 0`},
		{"stream --also-metric 3", "", 2, "--also-metric is 3: an accuracy lies between 0 and 1"},
		{"stream --cycle-pause-s 0", "", 2, "--cycle-pause-s is 0: it must be above 0 and at most 86400"},
		{"stream --cycle-pause-s NaN", "", 2, "--cycle-pause-s"},
		{"stream --publish-url here", "", 2, `--publish-url is "here": it must be an http or https URL`},
		{"stream --publish-url http://a/ --nats b", "", 2, "--publish-url and --nats cannot be combined: give the one where the events are to go"},
		{"stream --dry-run --loop", "", 2, "--dry-run and --loop cannot be combined"},
		{"stream --load-fit nowhere.parquet", "", 1, "nowhere.parquet"},
		{"stream --load-fit FILE", "", 1, "no readable parquet file"},
		{"stream --load-fit TABLE --nats " + noServer, "", 1, "connect to NATS"},

		{"credentials", "", 2, "--out DIR is missing"},
		{"credentials --out OUT --namespace A", "", 2, `namespace "A": it must be a name of lower-case letters, digits and hyphens`},
		{"credentials --out OUT --host a..b", "", 2, `host "a..b" is not a host name or an IP address`},
		{"credentials --out OUT --valid 1h", "", 2, "a certificate valid for 1h0m0s would be renewed at once: it must be more than 720h0m0s"},
		{"credentials --out FILE", "", 1, "FILE"},
		{"topology --archives s3://bucket", "", 2, `--archives is "s3://bucket": it must be nats://bucket`},

		{"evaluate --store STORE --k 0", "", 2, "--k is 0: it must be at least 1"},
		{"evaluate --store STORE --features x", "", 2, `--features "x": it must be running or reference`},
		{"evaluate --store STORE --model FILE --features running", "", 2, "--features: the model has its own"},
		{"classify", "", 2, "FILE.tar.zst is missing"},

		{"up", "", 1, "examples/recorded is not in this folder"},
		{"up --validation FILE", "", 2, "--validation needs --store DIR"},
		{"up --store nowhere", "", 1, "nowhere"},
		{"up --store STORE --validation nowhere.parquet", "", 1, "nowhere.parquet"},
		{"up --store STORE --spec SPEC", "", 2, "line 2"},
		{"up --also-perf-latency-us 3", "", 2, "--also-perf-latency-us needs --also-metric: the plot shows a latency at its accuracy"},
		{"up --store STORE --nats here --listen 127.0.0.1:0", "", 1, "--nats"},
		{"up --store STORE --nats 127.0.0.1:TAKEN --listen 127.0.0.1:0", "", 1, "address already in use (--nats sets another address, --data another folder)"},
		{"up --store STORE --nats 127.0.0.1:0 --listen 127.0.0.1:TAKEN", "", 1, "address already in use (--listen sets another address)"},
		{"up --store STORE --nats 127.0.0.1:0 --listen 127.0.0.1:0 --data FILE", "", 1, "--data"},
	}
	taken := strings.TrimPrefix(bustest.Start(t).URL(), "nats://127.0.0.1:")
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			placeholders := strings.NewReplacer(
				"STORE", recordedStore,
				"SPEC", write(t, "spec.yaml", "target: 5\nno_such_key: 1\n"),
				"FILE", write(t, "FILE", "text"),
				"OUT", filepath.Join(t.TempDir(), "OUT"),
				"TABLE", "../../command/dataset/testdata/profiles-pyarrow.parquet",
				"TAKEN", taken,
				"EMPTY", t.TempDir(),
			)
			var args []string
			for _, arg := range strings.Fields(c.args) {
				args = append(args, placeholders.Replace(arg))
			}
			code, stdout, stderr := call(t, c.stdin, args...)
			if code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !strings.Contains(stderr, c.says) {
				t.Errorf("stderr %q does not say %q", stderr, c.says)
			}
			if !strings.HasPrefix(stderr, "profiles") || strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
				t.Errorf("stderr is not one line: %q", stderr)
			}
			inFile := strings.Contains(stderr, "spec") && strings.HasSuffix(stderr, "(docs/OPERATIONS.md, \"The spec\", explains it)\n")
			if usage := strings.Contains(stderr, "--help)"); usage != (code == 2 && !inFile) {
				t.Errorf("exit %d and points to --help: %t: %s", code, usage, stderr)
			}
			if stdout != "" {
				t.Errorf("stdout: %q", stdout)
			}
		})
	}
}

func TestSettingsOfTheEnvironment(t *testing.T) {
	for key, value := range map[string]string{
		"NATS_REPLICAS": "many", "TOPOLOGY": "perhaps", "NATS_CERT": "alone.pem", "NATS_INBOX_PREFIX": "_INBOX.*", "LOG_LEVEL": "loud",
	} {
		t.Run(key, func(t *testing.T) {
			t.Setenv(key, value)
			if code, _, stderr := call(t, "", "status"); code != 2 || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
	t.Run("two keys", func(t *testing.T) {
		t.Setenv("NATS_CREDS", "a.creds")
		t.Setenv("NATS_NKEY", "a.nk")
		if code, _, stderr := call(t, "", "status"); code != 2 || !strings.Contains(stderr, "NATS_CREDS and NATS_NKEY") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
	t.Setenv("EPISODE_MAX_ROWS", "-1")
	for _, args := range []string{"fit --store " + recordedStore, "curve - -c proc.x", "up --store " + recordedStore} {
		if code, _, stderr := call(t, "", strings.Fields(args)...); code != 2 || !strings.Contains(stderr, ": EPISODE_MAX_ROWS is -1: it must be between 1 and ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit %d: %s", args, code, stderr)
		}
	}
}

// TestHelp: every command has a help text with an example.
func TestHelp(t *testing.T) {
	for _, name := range []string{"up", "fit", "inspect", "check", "pack", "stream", "curve", "classify", "evaluate", "emit", "status", "export", "synth", "plot", "show", "topology", "gc", "credentials", "version"} {
		code, stdout, stderr := call(t, "", name, "--help")
		if code != 0 || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%s: exit %d, stderr %q\n%s", name, code, stderr, stdout)
		}
		if !strings.Contains(stdout, "Examples:") {
			t.Errorf("%s has no example", name)
		}
		if root := must(t); !strings.Contains(root, name) {
			t.Errorf("the list of commands lacks %s", name)
		}
	}
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if out := must(t, args...); !strings.HasPrefix(out, "profiles ") || strings.Count(out, "\n") != 1 {
			t.Errorf("%v: %q", args, out)
		}
	}
}

func TestCurve(t *testing.T) {
	archive := string(episodetest.Episode(450).Bytes())
	code, stdout, stderr := call(t, archive, "curve", "-", "-c", "proc.cpu_user_jiffies", "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var r curveReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Curve) != 80 || len(r.Slices) != 5 || len(r.Phases) < 4 || r.Duration != 45.02 || r.Rows != 450 || r.Unit != "jiffies/s" {
		t.Errorf("%+v", r)
	}
	points := 0
	for _, s := range r.Slices {
		points += s.Points
	}
	if points != 80 {
		t.Errorf("the slices have %d points", points)
	}

	path := write(t, "e.tar.zst", archive)
	text := must(t, "curve", path, "-c", "proc.cpu_user_jiffies", "--resample", "mean", "--n-points", "40")
	for _, want := range []string{"infected_running", "PHASE", "SLICE", "▁", "450 rows, 449 points of a counter"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	// A channel whose rows lie far from the labels gives no curve.
	short := string(episodetest.Episode(450).With("telemetry-late.jsonl", `{"t_wall_ns": 1, "x": 1}`+"\n"+`{"t_wall_ns": 2000000000, "x": 1}`+"\n").Bytes())
	code, stdout, stderr = call(t, short, "curve", "-", "-c", "late.x")
	if code != service.ExitUnusable || stdout != "" || !strings.Contains(stderr, "0 of 80 points of the curve of late.x have a value") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestSparkline(t *testing.T) {
	nan := func() float64 { var zero float64; return zero / zero }()
	for _, c := range []struct {
		values []float64
		width  int
		want   string
	}{
		{nil, 5, ""},
		{[]float64{1, 1}, 5, "▁▁"},
		{[]float64{0, 7}, 2, "▁█"},
		{[]float64{0, nan, 1}, 3, "▁ █"},
		{[]float64{nan, nan}, 2, "  "},
		{[]float64{0, 0, 4, 4, 8, 8, nan, 8}, 4, "▁▅██"},
	} {
		if got := sparkline(c.values, c.width); got != c.want {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", -0.04: "0", 1.25: "1.2", 9999: "9999", 12345: "12.3k", 3e6: "3M", 2.5e9: "2.5G", -4e12: "-4T",
	} {
		if got := short(v); got != want {
			t.Errorf("%g: %q, want %q", v, got, want)
		}
	}
}

// start runs a command in the background. Stop interrupts it and returns the exit
// code and stderr.
func start(t *testing.T, stdout io.Writer, args ...string) (stop func() (int, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(bustest.Context(t))
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, strings.NewReader(""), stdout, &stderr) }()
	stopped := false
	code := 0
	stop = func() (int, string) {
		if !stopped {
			stopped = true
			cancel()
			code = <-ended
		}
		return code, stderr.String()
	}
	t.Cleanup(func() { stop() })
	return stop
}

// A lineReader receives what a command writes, line by line.
type lineReader struct {
	lines chan string
	rest  []byte
}

func newLineReader() *lineReader { return &lineReader{lines: make(chan string, 10_000)} }

func (p *lineReader) Write(text []byte) (int, error) {
	p.rest = append(p.rest, text...)
	for {
		line, rest, ok := bytes.Cut(p.rest, []byte("\n"))
		if !ok {
			return len(text), nil
		}
		p.lines <- string(line)
		p.rest = rest
	}
}

// until waits for a line that contains text, and returns it.
func (p *lineReader) until(t *testing.T, text string) string {
	t.Helper()
	for {
		select {
		case line := <-p.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-bustest.Context(t).Done():
			t.Fatalf("no line with %q arrived", text)
		}
	}
}

// TestDefaults: a flag that has the meaning of a service's setting has its default.
func TestDefaults(t *testing.T) {
	var streaming streamer.Config
	var page dashboard.Config
	var connection client.Config
	if err := cmp.Or(streaming.Validate(), page.Validate(), connection.Validate()); err != nil {
		t.Fatal(err)
	}
	for setting, c := range map[string][2]string{
		"CYCLE_PAUSE": {streaming.CyclePause.String(), defaultCyclePause.String()},
		"LISTEN":      {page.Listen, defaultPage},
		"NATS_URL":    {connection.URL, "nats://" + defaultNATS},
	} {
		if c[0] != c[1] {
			t.Errorf("%s has the default %s, the flag has %s", setting, c[0], c[1])
		}
	}
}

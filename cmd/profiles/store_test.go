package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/store/storetest"
)

// TestStores: uploaded archives give the same envelopes as those of the directory, in
// batch and live.
func TestStores(t *testing.T) {
	t.Setenv("MISSING_PATIENCE", "20ms")
	const validation = "../../examples/recorded/validation.parquet"
	batch := filepath.Join(t.TempDir(), "batch.parquet")
	must(t, "fit", "--store", recordedStore, "--fit-out", batch)
	for _, address := range []string{"file://" + t.TempDir(), "nats://episodes", "s3://" + storetest.Bucket + "/recorded"} {
		t.Run(address[:strings.Index(address, ":")], func(t *testing.T) {
			t.Setenv("NATS_URL", bustest.Start(t).URL())
			if strings.HasPrefix(address, "s3:") {
				storetest.StartS3(t).Env(t)
			}
			upload := func() emit.Summary {
				return decode[emit.Summary](t, must(t, "emit", "--store", recordedStore, "--upload", address, "--json"))
			}
			if s := upload(); s.Published != 48 || s.Archives.Uploaded != 42 || s.Archives.Without != 6 {
				t.Errorf("%+v, %+v", s, s.Archives)
			}
			if s := upload(); s.Changed() || s.Archives.Stored != 42 || s.Archives.Uploaded != 0 {
				t.Errorf("%+v, %+v", s, s.Archives)
			}
			if out := must(t, "emit", "--store", recordedStore, "--upload", address); !strings.Contains(out, "0 archives uploaded, 42 were there already, 6 accepted episodes have no archive in ") {
				t.Error(out)
			}
			out := filepath.Join(t.TempDir(), "fit.parquet")
			must(t, "fit", "--store", address, "--validation", validation, "--fit-out", out)
			sameTables(t, out, batch)

			live := must(t, "up", "--store", address, "--validation", validation, "--nats", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--exit-when-settled")
			if !strings.Contains(live, "settled: 47 episodes tried, 42 of them in the envelopes; in REJECTED: 5 missing") {
				t.Error(live)
			}
		})
	}
}

func TestUploadMistakes(t *testing.T) {
	t.Setenv("NATS_URL", bustest.Start(t).URL())
	for address, want := range map[string]string{
		"/no/such/dir": `there is no directory "/no/such/dir"`,
		"ftp://bucket": "unknown scheme",
		"s3://bucket":  "AWS_ACCESS_KEY_ID",
	} {
		code, stdout, stderr := call(t, "", "emit", "--store", recordedStore, "--upload", address)
		if code == 0 || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit %d: %s%s", address, code, stdout, stderr)
		}
	}
}

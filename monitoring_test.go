package profiles

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	monitoring = "k8s/monitoring/"
	operations = "docs/OPERATIONS.md"
	runbook    = "https://github.com/cis490/profiles/blob/main/" + operations + "#"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// declared returns the kind of each metric that the code declares, by name.
func declared(t *testing.T) map[string]string {
	t.Helper()
	declaration := regexp.MustCompile(`(Counter|Gauge|Histogram)Opts\{Name: "(profiles_\w+)"|gauge\("(profiles_\w+)"`)
	names := map[string]string{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declaration.FindAllSubmatch(text, -1) {
			if len(m[2]) > 0 {
				names[string(m[2])] = string(m[1])
			} else {
				names[string(m[3])] = "Gauge"
			}
		}
		return err
	})
	if err != nil || len(names) < 25 {
		t.Fatalf("found %d metrics, %v", len(names), err)
	}
	return names
}

// TestNATSMonitoringStaysInItsPod: monitoring of a NATS server asks for no key, so only the component opens it.
func TestNATSMonitoringStaysInItsPod(t *testing.T) {
	if !strings.Contains(read(t, "k8s/nats/statefulset.yaml"), "- name: MONITOR_LISTEN\n              value: 127.0.0.1:8222\n") {
		t.Error("MONITOR_LISTEN is not a loopback address")
	}
	for line := range strings.Lines(read(t, "k8s/nats/nats.conf")) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), ":"); strings.HasPrefix(key, "http") && value != " $MONITOR_LISTEN" {
			t.Errorf("nats.conf has %s", strings.TrimSpace(line))
		}
	}
	for _, file := range []string{"service.yaml", "network.yaml"} {
		if strings.Contains(read(t, "k8s/nats/"+file), "8222") {
			t.Errorf("%s opens the port of monitoring", file)
		}
	}
}

// TestAlerts checks that each alert has its texts and a section in the manual, and that the manual has no other alerts.
// make manifests-test checks the expressions.
func TestAlerts(t *testing.T) {
	type rule struct {
		Alert, Record       string
		Labels, Annotations map[string]string
	}
	var file struct {
		Spec struct{ Groups []struct{ Rules []rule } }
	}
	if err := yaml.Unmarshal([]byte(read(t, monitoring+"rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	manual := read(t, operations)
	alerts := 0
	for _, g := range file.Spec.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				if !strings.Contains(manual, "`"+r.Record+"`") {
					t.Errorf("%s does not describe %s", operations, r.Record)
				}
				continue
			}
			alerts++
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("%s has severity %q", r.Alert, s)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Annotations["runbook_url"] != runbook+strings.ToLower(r.Alert) {
				t.Errorf("%s has annotations %q", r.Alert, r.Annotations)
			}
			if !strings.Contains(manual, "\n### "+r.Alert+"\n") {
				t.Errorf("%s has no section in %s", r.Alert, operations)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Profiles\w+)$`).FindAllStringSubmatch(manual, -1) {
		if alerts--; !strings.Contains(read(t, monitoring+"rules.yaml"), "alert: "+m[1]+"\n") {
			t.Errorf("%s has a section %s, but there is no such alert", operations, m[1])
		}
	}
	if alerts != 0 {
		t.Errorf("the difference of alerts and sections is %d", alerts)
	}
}

// TestAlertsAreTested checks that each alert has a test in which it is quiet, fires, and ends. make rules-test runs them.
func TestAlertsAreTested(t *testing.T) {
	files, err := filepath.Glob("test/rules/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of rules: %v", err)
	}
	type check struct {
		Expr    string
		Samples []any `yaml:"exp_samples"`
	}
	states := map[string]string{} // of each alert, in the order of time: - quiet, + firing
	for _, file := range files {
		var all struct {
			Tests []struct {
				Checks []check `yaml:"promql_expr_test"`
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, file)), &all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, test := range all.Tests {
			for _, c := range test.Checks {
				m := regexp.MustCompile(`^ALERTS\{alertname="(\w+)", alertstate="firing"\}$`).FindStringSubmatch(c.Expr)
				switch {
				case m == nil:
				case len(c.Samples) == 0:
					states[m[1]] += "-"
				default:
					states[m[1]] += "+"
				}
			}
		}
	}
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, monitoring+"rules.yaml"), -1) {
		if !strings.Contains(states[m[1]], "-+-") {
			t.Errorf("%s has no test in which it is quiet, fires and ends: %q", m[1], states[m[1]])
		}
	}
}

// TestStoreOfNATS checks that the alert on a full store has the size that the manifests give it.
func TestStoreOfNATS(t *testing.T) {
	if !strings.Contains(read(t, "k8s/nats/nats.conf"), "max_file_store: 8GB\n") ||
		!strings.Contains(read(t, monitoring+"rules.yaml"), "(profiles_stream_bytes)) / (8 * 1024^3) > 0.75\n") {
		t.Error("ProfilesStorageFills and max_file_store in k8s/nats/nats.conf differ")
	}
}

// TestMetricsAreDescribed checks that the manual describes every metric.
func TestMetricsAreDescribed(t *testing.T) {
	manual := read(t, operations)
	for _, name := range slices.Sorted(maps.Keys(declared(t))) {
		if !strings.Contains(manual, "`"+name+"`") && !strings.Contains(manual, "`"+name+"{") {
			t.Errorf("%s does not describe %s", operations, name)
		}
	}
}

// TestGrafanaDashboard checks the rows and panels of the dashboard, and that it shows every metric.
func TestGrafanaDashboard(t *testing.T) {
	type panel struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct {
			Expr       string
			Datasource struct{ UID string }
		}
	}
	var board struct {
		SchemaVersion int
		Templating    struct{ List []struct{ Name, Type string } }
		Panels        []panel
	}
	d := json.NewDecoder(bytes.NewBufferString(read(t, monitoring+"profiles.json")))
	if err := d.Decode(&board); err != nil {
		t.Fatal(err)
	}
	if board.SchemaVersion < 39 || len(board.Templating.List) == 0 || board.Templating.List[0].Type != "datasource" {
		t.Errorf("schema %d, variables %+v", board.SchemaVersion, board.Templating.List)
	}
	var rows []string
	ids := map[int]bool{}
	shown := ""
	for i, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for _, o := range board.Panels[:i] {
			if a, b := p.GridPos, o.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %s and %s overlap", p.Title, o.Title)
			}
		}
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		for _, target := range p.Targets {
			shown += target.Expr + "\n"
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%s has a data source of its own", p.Title)
			}
		}
	}
	if want := []string{"Episodes", "Latency", "Samples", "Reduce", "Signatures and models", "Dashboard", "Workers"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
	for name := range declared(t) {
		if !strings.Contains(shown, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

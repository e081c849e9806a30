// Package profiles tests rules of the whole project: which package may import which, and that alerts, metrics and the
// Grafana dashboard are documented.
package profiles

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cis490/profiles/"

// layers are the packages from the bottom up. A package imports only packages of lower layers, so no package of its own
// layer.
var layers = [][]string{
	{"episode", "fit", "internal/atomicfile", "internal/logkey", "internal/plain", "internal/setting", "internal/wait", "internal/warnonce", "command/dataset/parquetfile", "bus/embedded", "bus/settings", "dashboard/web"},
	{"bus/client", "signature", "internal/otherclock"},
	{"bus", "model"},
	{"bus/events", "align", "command/dataset", "command/inspect"},
	{"bus/signatures", "command/plot", "command/synth", "command/roster", "command/draft"},
	{"command/batch", "internal/service", "store", "roles"},
	{"worker", "streamer", "dashboard", "command/emit", "command/status", "command/credentials", "command/gc", "command/check", "command/pack"},
	{"command/standalone"},
	{"cmd/profile-worker", "cmd/profile-streamer", "cmd/profile-dashboard", "cmd/profiles", "cmd/nats-health"},
}

// testOnly are packages that only tests may import, and packages with nothing but tests.
var testOnly = []string{"episode/episodetest", "bus/bustest", "store/storetest", "test/k8s", "test/protocol", "test/scale"}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return strings.Fields(string(out))
}

func layerOf(pkg string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, pkg) })
}

func TestImportsPointOneWay(t *testing.T) {
	for _, line := range list(t, "-f", `{{.ImportPath}}{{range .Imports}},{{.}}{{end}}`, "./...") {
		parts := strings.Split(line, ",")
		pkg, ours := strings.CutPrefix(parts[0], module)
		if !ours || slices.Contains(testOnly, pkg) {
			continue
		}
		own := layerOf(pkg)
		if own < 0 {
			t.Errorf("package %s is in no layer: add it to layers", pkg)
			continue
		}
		for _, imported := range parts[1:] {
			name, ours := strings.CutPrefix(imported, module)
			switch {
			case imported == "testing", ours && slices.Contains(testOnly, name):
				t.Errorf("%s imports %s, which is for tests only", pkg, name)
			case strings.HasPrefix(imported, "github.com/nats-io/nats-server/") && pkg != "bus/embedded":
				t.Errorf("%s imports %s: only bus/embedded may", pkg, imported)
			case ours && layerOf(name) >= own:
				t.Errorf("%s imports %s, which is in the same layer or a higher one", pkg, name)
			}
		}
	}
}

// TestForbiddenImports lists packages and what they must not import, including
// the packages below that. A command must not import it indirectly either.
func TestForbiddenImports(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"fit":                   {"os", "time", "log/slog", "context", "sync", module + "episode"},
		"episode":               {"os", "time", "log/slog"},
		"model":                 {"os", "log/slog", "context", "math/rand", "math/rand/v2", module + "episode"},
		"signature":             {"os", "log/slog", "context", "sync"},
		"bus/client":            {module + "fit", module + "bus"},
		"bus":                   {module + "episode", module + "model", module + "signature"},
		"command/dataset":       {module + "episode", module + "bus"},
		"cmd/profile-worker":    {"testing", "github.com/nats-io/nats-server/v2/server"},
		"cmd/profile-streamer":  {"testing", "github.com/nats-io/nats-server/v2/server", "github.com/minio/minio-go/v7"},
		"cmd/profile-dashboard": {"testing", "github.com/nats-io/nats-server/v2/server", "gonum.org/v1/gonum", module + "model", module + "signature", module + "align"},
	} {
		imports := list(t, "-f", `{{join .Imports "\n"}}`, "./"+pkg)
		if strings.HasPrefix(pkg, "cmd/") {
			imports = list(t, "-deps", "./"+pkg)
		}
		for _, f := range forbidden {
			if i := slices.IndexFunc(imports, func(k string) bool { return strings.HasPrefix(k+"/", f+"/") }); i >= 0 {
				t.Errorf("%s imports %s", pkg, imports[i])
			}
		}
	}
}

// TestOnlyMainsWriteToTheScreen: whatever reaches a terminal goes through package plain. So only the mains know standard output and
// standard error, and of profiles only terminal.go what is behind its writers.
func TestOnlyMainsWriteToTheScreen(t *testing.T) {
	forbidden := regexp.MustCompile(`os\.Std(out|err)\b|\bfmt\.Print|^\s*print(ln)?\(|\.Unwrap\(\)\.\(\*os\.File\)`)
	for _, path := range strings.Fields(command(t, "git", "ls-files", "*.go")) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "tools/") || strings.HasPrefix(path, "cmd/") && strings.HasSuffix(path, "/main.go") ||
			path == "cmd/profiles/terminal.go" || slices.Contains(testOnly, filepath.Dir(path)) || strings.HasPrefix(path, "test/") {
			continue
		}
		for line := range strings.Lines(read(t, path)) {
			if forbidden.MatchString(line) {
				t.Errorf("%s writes past package plain: %s", path, strings.TrimSpace(line))
			}
		}
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

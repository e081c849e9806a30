//go:build k8s

package k8s_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// schemas are the kinds that Kubernetes does not have, with the module and file of their
// schemas.
var schemas = []struct{ kind, module, file string }{
	{"scaledobjects.keda.sh", "github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"},
	{"triggerauthentications.keda.sh", "github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_triggerauthentications.yaml"},
	{"podmonitors.monitoring.coreos.com", "github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"},
	{"prometheusrules.monitoring.coreos.com", "github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"},
}

// TestDryRun applies every manifest as a dry run, which checks schemas, unknown fields and
// admission on the server and changes nothing. It installs the schemas that the cluster
// lacks, and removes them at the end.
func TestDryRun(t *testing.T) {
	c := newCluster(t)
	for _, s := range schemas {
		if _, err := c.try(t.Context(), "", "get", "crd", s.kind); err == nil {
			continue
		}
		file := filepath.Join(moduleFolder(t, s.module), s.file)
		if _, err := c.try(t.Context(), "", "apply", "--server-side", "-f", file); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := c.try(context.Background(), "", "delete", "crd", s.kind); err != nil {
				t.Error(err)
			}
		})
		c.until(s.kind, time.Minute, func() bool { // kubectl wait fails as long as there is no condition
			_, err := c.try(t.Context(), "", "wait", "--for=condition=Established", "crd/"+s.kind, "--timeout=10s")
			return err == nil
		})
	}
	const space = "profiles-dry-run"
	restricted, _ := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": space, "labels": map[string]string{"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}}})
	if _, err := c.try(t.Context(), string(restricted), "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.try(context.Background(), "", "delete", "namespace", space, "--timeout=1m"); err != nil {
			t.Error(err)
		}
	})

	for _, manifests := range []string{"overlays/single", "overlays/one-node", "overlays/bring-your-own-nats", "overlays/keda", "overlays/nats-monitoring", "monitoring"} {
		t.Run(manifests, func(t *testing.T) {
			dir := filepath.Join(c.root, "bin", "k8s-dry-run", filepath.Base(manifests))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: " + space + "\nresources: [../../../k8s/" + manifests + "]\n"
			if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := c.try(t.Context(), "", "apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-k", dir)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if n := strings.Count(out, "serverside-applied (server dry run)"); n == 0 || n != strings.Count(out, "\n") {
				t.Errorf("not every object was accepted: %s", out)
			} else {
				t.Logf("%d objects", n)
			}
		})
	}
}

// moduleFolder downloads a module and returns its folder.
func moduleFolder(t *testing.T, module string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = t.TempDir() // outside of this module, whose go.mod must not change
	out, err := cmd.Output()
	var found struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &found); jsonErr != nil || err != nil || found.Dir == "" {
		t.Fatalf("download %s: %v %s", module, err, found.Error)
	}
	return found.Dir
}

//go:build k8s

package k8s_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// namespace is the namespace of the test, which is deleted at the end.
const namespace = "profiles-test"

// A cluster is the cluster to which kubectl connects.
type cluster struct {
	t *testing.T
	// root is the folder of the project, dir that of the overlay which the test applies.
	root, dir string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, root: root, dir: filepath.Join(root, "bin", "k8s-test")}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

// try runs kubectl and returns its output.
func (c *cluster) try(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// kubectl runs kubectl in the test's namespace. An error ends the test.
func (c *cluster) kubectl(args ...string) string {
	c.t.Helper()
	return c.feed("", args...)
}

// feed is kubectl with text for its stdin.
func (c *cluster) feed(stdin string, args ...string) string {
	c.t.Helper()
	out, err := c.try(c.t.Context(), stdin, append([]string{"--namespace", namespace}, args...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// words runs kubectl and returns the words of its output.
func (c *cluster) words(args ...string) []string {
	c.t.Helper()
	return strings.Fields(c.kubectl(args...))
}

// A spec is the fit spec of the overlay.
type spec struct {
	revision, target, seed int
}

func (s spec) yaml() string {
	return fmt.Sprintf("revision: %d\ntarget: %d\nseed: %d\n", s.revision, s.target, s.seed)
}

// A scaling says what sets the number of workers.
type scaling string

const (
	byHand scaling = "hand"
	byCPU  scaling = "CPU"
	byKEDA scaling = "KEDA"
)

// maxWorkers is the most workers of an autoscaler: all nodes of a test may be one machine.
const maxWorkers = 4

// overlay is the overlay of a scaling.
func (s scaling) overlay() string {
	if s == byKEDA {
		return "keda"
	}
	return "single"
}

// patches adapt the overlay to the test.
func (s scaling) patches() string {
	switch s {
	case byHand:
		return `
  - target: {kind: HorizontalPodAutoscaler, name: profile-worker}
    patch: |
      $patch: delete
      apiVersion: autoscaling/v2
      kind: HorizontalPodAutoscaler
      metadata:
        name: profile-worker`
	case byKEDA: // workers are slow, so that messages wait on any machine for longer than KEDA takes to ask
		return fmt.Sprintf(`
  - target: {kind: ScaledObject, name: profile-worker}
    patch: |
      - op: replace
        path: /spec/maxReplicaCount
        value: %d
      - op: replace
        path: /spec/advanced/horizontalPodAutoscalerConfig/behavior/scaleDown/stabilizationWindowSeconds
        value: 0
      - op: replace
        path: /spec/triggers/0/metadata/url
        value: http://profile-worker.%s.svc:8448/scale
  - target: {kind: Deployment, name: profile-worker}
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/resources/requests/cpu
        value: 50m
      - op: replace
        path: /spec/template/spec/containers/0/resources/limits/cpu
        value: 200m`, maxWorkers, namespace)
	}
	return fmt.Sprintf(`
  - target: {kind: HorizontalPodAutoscaler, name: profile-worker}
    patch: |
      - op: replace
        path: /spec/maxReplicas
        value: %d
      - op: replace # all nodes may be one machine, which need not have a free core for a worker
        path: /spec/metrics/0/resource/target/averageUtilization
        value: 30`, maxWorkers)
}

// apply applies an overlay in the test's namespace, with this spec. It first deletes the
// topology Job of the last apply, which stays for a minute and cannot be changed.
func (c *cluster) apply(s spec, by scaling) {
	c.t.Helper()
	c.write("spec.yaml", s.yaml())
	c.write("kustomization.yaml", `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: `+namespace+`
resources:
  - ../../k8s/overlays/`+by.overlay()+`
configMapGenerator:
  - name: profiles-spec
    behavior: replace
    files: [spec.yaml]
  - name: profiles-worker
    behavior: merge
    literals: [EPISODE_STORE=/episodes/store]
patches:
  - target: {kind: StatefulSet, name: nats}
    patch: |
      - op: replace
        path: /spec/volumeClaimTemplates/0/spec/resources/requests/storage
        value: 2Gi`+by.patches()+"\n")
	c.kubectl("delete", "job", "profile-topology", "--ignore-not-found")
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", c.dir)
}

// makeNamespace makes the test's namespace, which is deleted when the test ends.
func (c *cluster) makeNamespace(table *table) {
	c.t.Helper()
	if out, err := c.try(c.t.Context(), "", "create", "namespace", namespace); err != nil {
		c.t.Fatalf("%v %s (is another test running, or was one interrupted? Then: kubectl delete namespace %s)", err, out, namespace)
	}
	c.t.Cleanup(func() {
		c.try(context.Background(), "", "--namespace", namespace, "delete", "pods", "--all", "--grace-period=0", "--force")
		if out, err := c.try(context.Background(), "", "delete", "namespace", namespace, "--wait", "--timeout=3m"); err != nil {
			c.t.Errorf("clean up: %v %s", err, out)
		}
		table.row("cleaned up")
	})
}

func (c *cluster) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// rolledOut waits until the rollout of a workload is complete.
func (c *cluster) rolledOut(kind, name string) {
	c.t.Helper()
	c.kubectl("rollout", "status", kind+"/"+name, "--timeout=5m")
}

// pods returns the names of a workload's running pods, without those that are being deleted.
func (c *cluster) pods(name string) []string {
	c.t.Helper()
	return c.words("get", "pods", "-l", "app.kubernetes.io/name="+name, "--field-selector=status.phase=Running", "-o",
		`go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}`)
}

// command starts the profiles command as a Job in a role, with access to the archives.
func (c *cluster) command(job, role string, args ...string) {
	c.t.Helper()
	manifest := map[string]any{
		"apiVersion": "batch/v1", "kind": "Job",
		"metadata": map[string]any{"name": job, "labels": map[string]any{"job": job}},
		"spec": map[string]any{
			"backoffLimit": 100, // so the pod stays, and its logs
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app.kubernetes.io/name": "profiles-command", "job": job}},
				"spec":     c.commandPod(role, args),
			},
		},
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		c.t.Fatal(err)
	}
	c.kubectl("delete", "job", job, "--ignore-not-found", "--cascade=foreground")
	c.feed(string(data), "create", "-f", "-")
}

func (c *cluster) commandPod(role string, args []string) map[string]any {
	mounts := []any{
		map[string]any{"name": "nats-client", "mountPath": "/etc/nats-client", "readOnly": true},
		map[string]any{"name": "episodes", "mountPath": "/episodes"},
		map[string]any{"name": "spec", "mountPath": "/etc/profiles", "readOnly": true},
		map[string]any{"name": "list", "mountPath": "/list", "readOnly": true},
	}
	volumes := []any{
		map[string]any{"name": "nats-client", "secret": map[string]any{"secretName": "nats-" + role, "defaultMode": 0o440}},
		map[string]any{"name": "episodes", "persistentVolumeClaim": map[string]any{"claimName": "episodes"}},
		map[string]any{"name": "spec", "configMap": map[string]any{"name": c.config("profiles-spec")}},
		map[string]any{"name": "list", "configMap": map[string]any{"name": "list", "optional": true}}, // see shorten
	}
	for i, host := range c.recorded() {
		name := fmt.Sprint("recorded-", i)
		mounts = append(mounts, map[string]any{"name": name, "mountPath": "/recorded/" + host.folder, "readOnly": true})
		volumes = append(volumes, map[string]any{"name": name, "configMap": map[string]any{"name": name}})
	}
	return map[string]any{
		"restartPolicy":                "OnFailure", // a network policy may let a new pod through only after it has begun
		"automountServiceAccountToken": false,
		"securityContext": map[string]any{"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
			"seccompProfile": map[string]any{"type": "RuntimeDefault"}},
		"containers": []any{map[string]any{
			"name": "profiles", "image": "ghcr.io/cis490/profiles:dev", "args": args,
			"envFrom": []any{map[string]any{"configMapRef": map[string]any{"name": c.config("profiles-nats")}}},
			"env": []any{
				map[string]any{"name": "NATS_INBOX_PREFIX", "value": "_INBOX_" + role},
				map[string]any{"name": "TMPDIR", "value": "/episodes"},
			},
			"securityContext": map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
				"capabilities": map[string]any{"drop": []string{"ALL"}}},
			"volumeMounts": mounts,
		}},
		"volumes": volumes,
	}
}

// config returns the full name of a generated ConfigMap that the workers use.
func (c *cluster) config(prefix string) string {
	c.t.Helper()
	for _, name := range c.words("get", "deployment", "profile-worker", "-o",
		`go-template={{range .spec.template.spec.volumes}}{{if .configMap}}{{.configMap.name}} {{end}}{{end}}{{range (index .spec.template.spec.containers 0).envFrom}}{{if .configMapRef}}{{.configMapRef.name}} {{end}}{{end}}`) {
		if strings.HasPrefix(name, prefix+"-") {
			return name
		}
	}
	c.t.Fatalf("the workers use no ConfigMap %s", prefix)
	return ""
}

// ended waits for a command and returns its output. If it does not succeed in time, the test ends.
func (c *cluster) ended(job string, limit time.Duration) string {
	c.t.Helper()
	_, err := c.try(c.t.Context(), "", "--namespace", namespace, "wait", "--for=condition=complete", "job/"+job, "--timeout="+limit.String())
	logs := c.kubectl("logs", "job/"+job, "--tail=-1")
	if err != nil {
		c.t.Fatalf("%s did not succeed: %v\n%s\n%s", job, err, logs, c.kubectl("describe", "job,pods", "-l", "job="+job))
	}
	return logs
}

// run starts a command and waits for its end.
func (c *cluster) run(job, role string, args ...string) string {
	c.t.Helper()
	return c.runFor(5*time.Minute, job, role, args...)
}

func (c *cluster) runFor(limit time.Duration, job, role string, args ...string) string {
	c.t.Helper()
	c.command(job, role, args...)
	return c.ended(job, limit)
}

// A recordedFolder is a folder of examples/recorded that is copied as a ConfigMap.
type recordedFolder struct {
	folder string // below /recorded
	files  []string
}

// recorded lists the folders of the recorded episodes.
func (c *cluster) recorded() []recordedFolder {
	c.t.Helper()
	top := filepath.Join(c.root, "examples", "recorded")
	folders := []recordedFolder{{"validation", []string{filepath.Join(top, "validation.parquet")}}}
	hosts, err := filepath.Glob(filepath.Join(top, "store", "*"))
	if err != nil || len(hosts) == 0 {
		c.t.Fatalf("no recorded episodes in %s: %v", top, err)
	}
	for _, host := range hosts {
		files, _ := filepath.Glob(filepath.Join(host, "*.tar.zst"))
		folders = append(folders, recordedFolder{"store/" + filepath.Base(host), files})
	}
	return folders
}

// bringRecorded copies the recorded episodes into the cluster.
func (c *cluster) bringRecorded() {
	c.t.Helper()
	for i, f := range c.recorded() {
		args := []string{"create", "configmap", fmt.Sprint("recorded-", i)}
		for _, file := range f.files {
			args = append(args, "--from-file="+file)
		}
		c.kubectl(args...)
	}
}

// until calls ok every half second until it returns true.
func (c *cluster) until(what string, limit time.Duration, ok func() bool) {
	c.t.Helper()
	end := time.After(limit)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			pods, _ := c.try(c.t.Context(), "", "--namespace", namespace, "get", "pods", "-o", "wide")
			c.t.Fatalf("after %s still waiting for %s\n%s", limit, what, pods)
		}
	}
}

// read asks a pod by HTTP, through a port-forward.
func (c *cluster) read(pod string, port int, path string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	address, end, err := forward(ctx, "pod/"+pod, port)
	if err != nil {
		return "", err
	}
	defer end()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s of %s: %s: %s", path, pod, response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}

var forwarding = regexp.MustCompile(`Forwarding from (127\.0\.0\.1:\d+)`)

// forward starts a port-forward to an object of the namespace. It returns its address, and a
// function that ends it and waits.
func forward(ctx context.Context, object string, port int) (address string, end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "kubectl", "--namespace", namespace, "port-forward", object, fmt.Sprint(":", port))
	end = func() { cancel(); _ = cmd.Wait() }
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return "", nil, err
	}
	lines := bufio.NewScanner(out)
	if lines.Scan() {
		if m := forwarding.FindStringSubmatch(lines.Text()); m != nil {
			return m[1], end, nil
		}
	}
	end()
	return "", nil, fmt.Errorf("forward a port to %s: it ended, or said %q", object, lines.Text())
}

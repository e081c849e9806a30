package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const good = "testdata/good"

var options = Options{
	Given:   []string{"Secret/keys"},
	Metrics: []string{"profiles_align_seconds", "profiles_episodes_total", "profiles_sample_used"},
}

// body is the text of one of the good files.
func body(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(good, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGood(t *testing.T) {
	r, err := Check(good, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
	var names []string
	for _, b := range r.Builds {
		names = append(names, b.Name)
	}
	if want := []string{"base", "monitoring", "nats", "overlays/small"}; !slices.Equal(names, want) {
		t.Errorf("built %v, want %v", names, want)
	}
	if r.Expressions != 4 {
		t.Errorf("%d expressions, want 4", r.Expressions)
	}
}

// autoscaler is a HorizontalPodAutoscaler for the worker of the good files.
func autoscaler(name string) string {
	return "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: " + name + "}\n" +
		"spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}}\n"
}

// TestBroken makes one mistake in the good manifests and expects that Check finds it.
func TestBroken(t *testing.T) {
	const (
		worker     = "base/worker.yaml"
		scaling    = "base/scaling.yaml"
		nats       = "nats/nats.yaml"
		monitoring = "monitoring/monitoring.yaml"
		board      = "monitoring/dashboard.json"
	)
	for _, test := range []struct {
		name, file, old, new, want string
	}{
		// Decoding.
		{"unknown field", worker, "maxUnavailable: 1", "maxUnavailable: 1\n  maxUnhappy: 1", `unknown field "spec.maxUnhappy"`},
		{"wrong case", worker, "serviceAccountName: worker", "serviceaccountname: worker", `unknown field "spec.template.spec.serviceaccountname"`},
		{"wrong type", worker, "containerPort: 8448", "containerPort: http", "cannot unmarshal string"},
		{"key twice", worker, "maxUnavailable: 1", "maxUnavailable: 1\n  maxUnavailable: 2", "already defined"},
		{"unknown kind", worker, "kind: PodDisruptionBudget", "kind: PodDisruption", "no kind \"PodDisruption\""},
		{"unknown API", scaling, "keda.sh/v1alpha1\nkind: ScaledObject", "keda.sh/v2\nkind: ScaledObject", "no kind \"ScaledObject\""},
		{"unknown field of KEDA", scaling, "maxReplicaCount", "maxReplicas", `unknown field "spec.maxReplicas"`},
		{"unknown field of a monitor", monitoring, "podMetricsEndpoints: [{port: http}]", "podMetricsEndpoints: [{prot: http}]", `unknown field "spec.podMetricsEndpoints[0].prot"`},
		{"unknown field of a rule", monitoring, "for: 10m", "since: 10m", `unknown field "spec.groups[0].rules[1].since"`},
		{"unknown field of a kustomization", "nats/kustomization.yaml", "resources:", "resource:", "unknown field"},
		{"no YAML", worker, "kind: PodDisruptionBudget\nmetadata: {name: worker}", "kind: PodDisruptionBudget\nmetadata: {name: worker", "yaml:"},
		{"no JSON", board, "]}]\n}", "]}]", "unexpected end"},
		{"file left out", "base/kustomization.yaml", ", scaling.yaml", "", "no kustomization uses it"},
		{"component left out", "overlays/small/kustomization.yaml", "components: [../../one]", "", "no kustomization uses it"},

		// Pods.
		{"privileged", worker, "allowPrivilegeEscalation: false", "privileged: true", "not restricted: privileged"},
		{"escalation", worker, "allowPrivilegeEscalation: false", "runAsUser: 1", "allowPrivilegeEscalation != false"},
		{"root", worker, "runAsNonRoot: true, ", "", "runAsNonRoot != true"},
		{"no seccomp", worker, ", seccompProfile: {type: RuntimeDefault}", "", "seccompProfile"},
		{"capabilities", nats, "drop: [ALL]", "drop: [NET_RAW]", "unrestricted capabilities"},
		{"host's network", worker, "      serviceAccountName", "      hostNetwork: true\n      serviceAccountName", "host namespaces"},
		{"host's folder", worker, "configMap: {name: spec}", "hostPath: {path: /}", "hostPath"},
		{"namespace not restricted", worker, "enforce: restricted", "enforce: baseline", "is not restricted"},
		{"root that can be written", worker, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem"},
		{"token", worker, "      automountServiceAccountToken: false\n", "", "automountServiceAccountToken"},
		{"no request", worker, "cpu: 100m, ", "", "no request of cpu"},
		{"no limit", nats, "            limits: {memory: 256Mi}\n", "", "no limit of memory"},
		{"no liveness", nats, "          livenessProbe: {exec: {command: [/ko-app/nats-health, \"http://127.0.0.1:8222/healthz\"]}}\n", "", "no liveness probe"},
		{"no readiness", worker, "          readinessProbe: {httpGet: {path: /readyz, port: http}}\n", "", "no readiness probe"},
		{"probe of no port", worker, "path: /readyz, port: http", "path: /readyz, port: web", "a probe asks port web"},
		{"probe by a shell", worker, "readinessProbe: {httpGet: {path: /readyz, port: http}}", "readinessProbe: {exec: {command: [/bin/sh, -c, ls]}}", `runs ["/bin/sh" "-c" "ls"]`},
		{"probe by another image's program", nats, "livenessProbe: {exec: {command: [/ko-app/nats-health, ", "livenessProbe: {exec: {command: [/ko-app/profiles, ", `runs ["/ko-app/profiles"`},
		{"hook by no program", nats, "command: [/ko-app/v2,", "command: [nats-server,", `runs ["nats-server"`},
		{"somebody's image", worker, "ghcr.io/cis490/profile-worker:dev", "docker.io/library/busybox:1", "not one of the project's"},
		{"another registry without a digest", worker, "ghcr.io/cis490/profile-worker:dev", "registry.example.com/profile-worker:v1.0.0", "need a digest"},
		{"latest", nats, "profiles-nats:dev", "profiles-nats:latest", "neither a digest"},
		{"no tag", nats, "profiles-nats:dev", "profiles-nats", "neither a digest"},
		{"tag that moves", nats, "profiles-nats:dev", "profiles-nats:v1", "neither a digest"},
		{"latest by an overlay", "overlays/small/kustomization.yaml", "newTag: v1.0.0", "newTag: latest", "neither a digest"},
		{"no volume", worker, "volumeMounts: [{name: spec,", "volumeMounts: [{name: other,", "no volume other"},

		// References.
		{"no ConfigMap", worker, "configMap: {name: spec}", "configMap: {name: other}", "there is no ConfigMap other"},
		{"no key", worker, "configMap: {name: spec}", "configMap: {name: spec, items: [{key: other, path: other}]}", "has no key other"},
		{"no Secret", worker, "secretRef: {name: keys}", "secretRef: {name: locks}", "there is no Secret locks"},
		{"no claim", worker, "configMap: {name: spec}", "persistentVolumeClaim: {claimName: store}", "there is no PersistentVolumeClaim store"},
		{"no ServiceAccount", worker, "serviceAccountName: worker", "serviceAccountName: other", "there is no ServiceAccount other"},
		{"no target", scaling, "scaleTargetRef: {name: worker}", "scaleTargetRef: {name: other}", "there is no Deployment other"},
		{"no authentication", scaling, "authenticationRef: {name: nats}", "authenticationRef: {name: other}", "there is no TriggerAuthentication other"},
		{"no Service of a StatefulSet", nats, "serviceName: nats", "serviceName: other", "there is no Service other"},

		// Selectors.
		{"Service of nothing", nats, "  selector: {app: nats}\n  ports", "  selector: {app: other}\n  ports", "selector matches no pod: app=other"},
		{"Service of no port", worker, "targetPort: http", "targetPort: web", "Deployment worker has no port web"},
		{"budget of nothing", worker, "maxUnavailable: 1\n  selector: {matchLabels: {app: worker}}", "maxUnavailable: 1\n  selector: {matchLabels: {app: other}}", "matches no pod"},
		{"policy of nothing", worker, "  podSelector: {matchLabels: {app: worker}}", "  podSelector: {matchLabels: {app: other}}", "podSelector matches no pod"},
		{"policy to nothing", worker, "[{podSelector: {matchLabels: {app: nats}}}]", "[{podSelector: {matchLabels: {app: other}}}]", "peer matches no pod"},
		{"pods of others", worker, "  template:\n    metadata: {labels: {app: worker}}", "  template:\n    metadata: {labels: {app: other}}", "selector of its own pods matches no pod"},
		{"monitor of nothing", monitoring, "  selector: {matchLabels: {app: worker}}\n  podMetricsEndpoints", "  selector: {matchLabels: {app: other}}\n  podMetricsEndpoints", "matches no pod"},
		{"monitor of no port", monitoring, "podMetricsEndpoints: [{port: http}]", "podMetricsEndpoints: [{port: web}]", "has no port web"},
		{"monitor of no Service", monitoring, "  selector: {matchLabels: {app: worker}}\n  endpoints", "  selector: {matchLabels: {app: other}}\n  endpoints", "matches no Service"},
		{"monitor of no Service's port", monitoring, "endpoints: [{port: http}]", "endpoints: [{port: web}]", "Service worker has no port web"},

		// Scaling.
		{"two autoscalers", scaling, "---\napiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication", autoscaler("worker") + "---\napiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication", "scales Deployment/worker, too"},
		{"another autoscaler in another build", monitoring, "---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor", autoscaler("other") + "---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor", "both would stay if one were applied after the other"},
		{"trigger of no Service", scaling, "http://worker.profiles.svc:80/scale", "http://worker.elsewhere.svc:80/scale", "there is no Service for http://worker.elsewhere.svc:80/scale"},
		{"trigger of no port", scaling, "svc:80/scale", "svc:81/scale", "has no port for"},

		// Queries.
		{"rule that is no PromQL", monitoring, "p99 > 5", "p99 >", "parse error"},
		{"rule of no metric", monitoring, "profiles:align_seconds:p99 > 5", "profiles_align_second > 5", `no metric "profiles_align_second"`},
		{"rule without a name", monitoring, "        - alert: SlowAlign\n          expr", "        - expr", "either alert or record"},
		{"panel that is no PromQL", board, "[$__rate_interval])", "[$__rate_interval]", "parse error"},
		{"panel of no metric", board, "rate(profiles_episodes_total", "rate(profiles_episode_total", `no metric "profiles_episode_total"`},
		{"variable of no metric", board, "label_values(profiles_sample_used", "label_values(profiles_samples", `no metric "profiles_samples"`},
		{"panels without queries", board, body(t, board), `{"panels": []}`, "without expressions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, test.file)
			text := body(t, test.file)
			if strings.Count(text, test.old) != 1 {
				t.Fatalf("%q is not there once", test.old)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(text, test.old, test.new, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := Check(dir, options)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return strings.Contains(p.What, test.want) }) {
				t.Errorf("found %q, want %q", r.Problems, test.want)
			}
		})
	}
}

func TestFolderWithoutKustomizations(t *testing.T) {
	if _, err := Check(t.TempDir(), options); err == nil {
		t.Error("an empty folder passes")
	}
	if _, err := Check("testdata/nowhere", options); err == nil {
		t.Error("a folder that is not there passes")
	}
}

// TestMetricsOf reads the project's own code.
func TestMetricsOf(t *testing.T) {
	names, err := MetricsOf("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"profiles_episodes_total", "profiles_posts_total", "profiles_dashboard_browsers"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
	if _, err := MetricsOf("testdata"); err == nil {
		t.Error("a folder without code passes")
	}
}

func TestCommand(t *testing.T) {
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		output string
	}{
		{"good", []string{"-code", "../..", "-given", "Secret/keys", good}, 0, "images by digest, tag v1.0.0\n"},
		{"no Secret", []string{"-code", "../..", good}, 1, "there is no Secret keys"},
		{"no folder", []string{"-code", "../.."}, 2, "usage"},
		{"no code", []string{good}, 2, "usage"},
		{"nothing there", []string{"-code", "../..", "nowhere"}, 1, "nowhere"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(test.args, &out, &out); code != test.code || !strings.Contains(out.String(), test.output) {
				t.Errorf("exit code %d, output %q; want %d and %q", code, out.String(), test.code, test.output)
			}
		})
	}
}

package images

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1"
)

// unpack writes an image's files into a folder, which it returns.
func unpack(t *testing.T, img v1.Image) (root string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("changing the root folder takes root")
	}
	root = t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, root, files(t, img))
	return root
}

// write writes files below a folder. Everybody may read and run them.
func write(t *testing.T, root string, files map[string][]byte) {
	t.Helper()
	for name, body := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// runIn makes root the root folder of a command, and the image's user the command's user. It returns the command's output.
func runIn(root string, env []string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.Cmd{
		Path: args[0], Args: args, Env: env, Dir: "/", Stdout: &out, Stderr: &out,
		SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}},
	}
	err := cmd.Run()
	return out.String(), err
}

// TestBinariesRun starts each binary as the image's user, with the image as its root folder.
func TestBinariesRun(t *testing.T) {
	for _, image := range images {
		t.Run(image.name, func(t *testing.T) {
			img, config := open(t, image.name)
			out, err := runIn(unpack(t, img), config.Config.Env, image.programs[0], "--version")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			version := config.Config.Labels["org.opencontainers.image.version"]
			if image.target == "nats" {
				version = "v2."
			}
			if !strings.Contains(out, version) {
				t.Errorf("--version prints %q, the label is %q", out, version)
			}
		})
	}
}

// TestHealth runs the program of the probes, in the image of NATS.
func TestHealth(t *testing.T) {
	healthy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer healthy.Close()
	img, config := open(t, "profiles-nats")
	root := unpack(t, img)
	if out, err := runIn(root, config.Config.Env, "/ko-app/nats-health", healthy.URL); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := runIn(root, config.Config.Env, "/ko-app/nats-health", "http://127.0.0.1:1"); err == nil || !strings.Contains(out, "refused") {
		t.Errorf("without a server: %v\n%s", err, out)
	}
}

// TestConfigurationOfNATS has the server in the image check the configuration in k8s/nats, with credentials and with
// the environment that the StatefulSet gives it.
func TestConfigurationOfNATS(t *testing.T) {
	img, config := open(t, "profiles-nats")
	root := unpack(t, img)
	secrets := t.TempDir()
	if out, err := exec.Command("go", "run", "-C", "../..", "./cmd/profiles", "credentials", "--out", secrets).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content := map[string][]byte{}
	for target, source := range map[string]string{
		"/etc/nats/nats.conf":            "../../k8s/nats/nats.conf",
		"/etc/nats/cluster.conf":         "../../k8s/nats/cluster.conf",
		"/etc/nats-server/accounts.conf": filepath.Join(secrets, "accounts.conf"),
		"/etc/nats-server/tls.crt":       filepath.Join(secrets, "tls.crt"),
		"/etc/nats-server/tls.key":       filepath.Join(secrets, "tls.key"),
		"/etc/nats-server/ca.crt":        filepath.Join(secrets, "ca.crt"),
	} {
		body, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		content[target] = body
	}
	write(t, root, content)
	manifest, err := os.ReadFile("../../k8s/nats/statefulset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := append(config.Config.Env, "POD_NAME=nats-0")
	for _, m := range regexp.MustCompile(`- name: (\w+)\n +value: (\S+)\n`).FindAllSubmatch(manifest, -1) {
		env = append(env, string(m[1])+"="+string(m[2]))
	}
	out, err := runIn(root, env, "/ko-app/v2", "--config", "/etc/nats/nats.conf", "-t")
	if err != nil || !strings.Contains(out, "is valid") {
		t.Errorf("%v\n%s", err, out)
	}
}

package credentials

import (
	"fmt"
	"strings"

	"github.com/cis490/profiles/roles"
)

// kustomization returns a kustomization.yaml that makes a Secret for the servers, one for
// the dashboards and one for each role. The names have no hash suffix, because the manifests name them.
func kustomization(namespace string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `# Made by %s: the Secrets of NATS, one for its servers and one a role, and of the dashboards.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: %s
generatorOptions:
  disableNameSuffixHash: true
  labels:
    app.kubernetes.io/part-of: profiles
secretGenerator:
`, "`profiles credentials`", namespace)
	secret(&b, ServerSecret, ServerCert, ServerKey, CACert, Accounts)
	for _, r := range roles.All() {
		secret(&b, Secret(r.Name), "seed.nk="+SeedFile(r.Name), CACert)
	}
	secret(&b, PublishSecret, "PUBLISH_TOKEN="+PublishToken)
	return []byte(b.String())
}

func secret(b *strings.Builder, name string, files ...string) {
	fmt.Fprintf(b, "  - name: %s\n    files:\n", name)
	for _, f := range files {
		fmt.Fprintf(b, "      - %s\n", f)
	}
}

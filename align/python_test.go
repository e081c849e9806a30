package align_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestPythonOracle makes the goldens anew with numpy and compares them with
// those committed. It needs a Python with numpy and zstandard, which
// PROFILES_PYTHON names; `make oracle-test` does.
func TestPythonOracle(t *testing.T) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		t.Log("PROFILES_PYTHON is not set: the goldens are taken as they are")
		return
	}
	for _, verb := range []string{"selftest", "check"} {
		out, err := exec.Command(python, oracle+"/oracle.py", verb).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", verb, err, out)
		}
		t.Logf("%s", out)
	}
}

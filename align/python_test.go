package align_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestPythonOracle makes the goldens again with numpy and compares them with the
// committed ones. PROFILES_PYTHON is the path of a Python with numpy and zstandard;
// `make oracle-test` sets it.
func TestPythonOracle(t *testing.T) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		t.Log("PROFILES_PYTHON is not set: the goldens are not made again")
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

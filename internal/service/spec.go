package service

import (
	"fmt"
	"os"

	"github.com/cis490/profiles/fit"
)

// LoadSpec reads a fit spec from a YAML file. An empty path means the built-in spec of six
// profiles. A file that is no valid spec is a UsageError.
func LoadSpec(path string) (*fit.Spec, error) {
	if path == "" {
		return fit.DefaultSpec(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the spec: %w", err)
	}
	spec, err := fit.ParseSpec(text)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("%s: %w", path, err)}
	}
	return spec, nil
}

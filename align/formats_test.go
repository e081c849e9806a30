package align_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/fit"
)

// TestFormats reads archives that a spec describes.
func TestFormats(t *testing.T) {
	type format struct {
		File, Channel, Note string
		Spec                json.RawMessage
		Linear, Mean        result
	}
	g := load[format](t, "formats.json")
	for _, c := range g.Cases {
		t.Run(strings.TrimSuffix(c.File, ".tar.zst")+" "+c.Channel, func(t *testing.T) {
			spec, err := fit.ParseSpec(c.Spec) // JSON is YAML
			if err != nil {
				t.Fatal(err)
			}
			spec.Signature.Channels = nil // the oracle does not read members that only the signature needs
			archive, err := os.ReadFile(filepath.Join(oracle, "formats", c.File))
			if err != nil {
				t.Fatal(err)
			}
			for resample, want := range map[fit.Resample]result{fit.Linear: c.Linear, fit.Mean: c.Mean} {
				spec.Resample = resample
				have, curve := readAs(t, spec, archive, c.Channel)
				checkAll(t, string(resample)+" ("+c.Note+")", have, curve, want, g.Curves)
			}
		})
	}
}

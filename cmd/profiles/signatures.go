package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
	"github.com/cis490/profiles/signature"
)

// signatureFile are what fit and export write, and plot reads: everything that is
// said of the samples beside their envelopes, but for the drift.
type signatureFile struct {
	Generation fit.Generation     `json:"generation"`
	Points     fit.Points         `json:"points"`
	Profiles   []profileSignature `json:"profiles"`
}

type profileSignature struct {
	Profile   fit.ProfileName   `json:"profile"`
	Signature signature.Summary `json:"signature"`
}

func addSignaturesFlag(f *pflag.FlagSet, to *string) {
	f.StringVar(to, "signatures-out", "", "write the signatures, too, as a JSON `FILE` (docs/SIGNATURES.md)")
}

// add takes a profile that has a used episode.
func (s *signatureFile) add(p fit.Profile, summary signature.Summary) {
	if summary.Used > 0 {
		s.Profiles = append(s.Profiles, profileSignature{p.Name, summary})
	}
}

// save writes the file, whole or not at all.
func (s *signatureFile) save(path string) error {
	return atomicfile.Write(path, 0o644, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
}

func loadSignatures(path string) (*signatureFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s signatureFile
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s is no file of signatures as fit and export write them: %w", path, err)
	}
	return &s, nil
}

// signatureWait is how long export waits for a signature of the envelope's
// sample.
const signatureWait = time.Minute

// signatureOf reads the signature of an envelope's sample, and waits until it is
// there.
func signatureOf(ctx context.Context, b *bus.Bus, gen fit.Generation, p fit.ProfileName, e fit.Envelope) (signature.Summary, error) {
	if e.Used == 0 {
		return signature.Summary{}, nil
	}
	late := time.NewTimer(signatureWait)
	defer late.Stop()
	for {
		s, whole, err := signatures.Read(ctx, b, gen, p)
		if err != nil || whole && s.Digest == e.Digest {
			return s.Summary, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-late.C:
			return signature.Summary{}, fmt.Errorf("%s has no signature of the sample that its envelope is of: wait until the system has settled, profiles status --wait", p)
		case <-ctx.Done():
			return signature.Summary{}, context.Cause(ctx)
		}
	}
}

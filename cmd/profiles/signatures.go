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
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/signature"
)

// A signatureFile is the JSON file that fit and export write with --signatures-out and
// that plot reads: the signature of each sample, without the drift.
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
	f.StringVar(to, "signatures-out", "", "also write the signatures into this JSON `FILE` (docs/SIGNATURES.md)")
}

// add adds a profile, unless its sample is empty.
func (s *signatureFile) add(p fit.Profile, summary signature.Summary) {
	if summary.Used > 0 {
		s.Profiles = append(s.Profiles, profileSignature{p.Name, summary})
	}
}

// save writes the file completely or not at all.
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
		return nil, fmt.Errorf("%s is not a file of signatures that fit or export wrote: %w", path, err)
	}
	return &s, nil
}

// signatureTimeout is how long export waits for the signature of an envelope.
const signatureTimeout = time.Minute

// waitForSignature waits until the signature of the envelope's sample is stored and
// returns it.
func waitForSignature(ctx context.Context, b *bus.Bus, gen fit.Generation, p fit.ProfileName, e fit.Envelope) (signature.Summary, error) {
	if e.Used == 0 {
		return signature.Summary{}, nil
	}
	waiting, cancel := context.WithTimeoutCause(ctx, signatureTimeout,
		fmt.Errorf("%s has no signature of its present sample: run `profiles status --wait` first", p))
	defer cancel()
	for {
		s, whole, err := signatures.Read(ctx, b, gen, p)
		if err != nil || whole && s.Digest == e.Digest {
			return s.Summary, err
		}
		if err := wait.For(waiting, 50*time.Millisecond); err != nil {
			return signature.Summary{}, err
		}
	}
}

package plot

import (
	"testing"
	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/synth"
)

func TestScratch(t *testing.T) {
	spec := fit.DefaultSpec()
	f := &align.Fitter{Spec: spec, Limits: episode.DefaultLimits()}
	g := synth.New(1)
	st, _ := synth.NewStore(g, 100)
	rec, _ := episode.OpenDir("../examples/recorded/store")
	var rows, rrows []dataset.AttackProfile
	for _, p := range spec.Profiles {
		ch, _ := episode.ParseChannelName(p.Channel)
		var cs, rs []fit.Curve
		for i := range 100 {
			h, e := g.Ref(string(p.Name), i)
			r, err := st.Open(t.Context(), episode.Ref{Host: episode.Host(h), ID: episode.ID(e)})
			if err != nil { t.Fatal(err) }
			a, err := f.Read(r, ch)
			if err != nil { t.Fatal(err) }
			cs = append(cs, a.Curve)
		}
		for row, err := range dataset.OpenValidation("../examples/recorded/validation.parquet") {
			if err != nil { t.Fatal(err) }
			if row.Status != "accepted" || row.Profile != string(p.Name) { continue }
			ref, _ := episode.ParseRef(row.HostID, row.EpisodeID)
			r, err := rec.Open(t.Context(), ref)
			if err != nil { continue }
			a, err := f.Read(r, ch)
			if err != nil { continue }
			rs = append(rs, a.Curve)
		}
		rows = append(rows, dataset.NewAttackProfile(p, fit.EnvelopeOf(cs, 80)))
		rrows = append(rrows, dataset.NewAttackProfile(p, fit.EnvelopeOf(rs, 80)))
	}
	if err := ProfilesFile("/tmp/w/synth.png", rows, fit.Points{}); err != nil { t.Fatal(err) }
	if err := ProfilesFile("/tmp/w/rec.png", rrows, fit.Points{}); err != nil { t.Fatal(err) }
	if err := ProfilesFile("/tmp/w/rec1.png", rrows[:1], fit.Points{}); err != nil { t.Fatal(err) }
	if err := ProfilesFile("/tmp/w/rec.svg", rrows, fit.Points{}); err != nil { t.Fatal(err) }
}

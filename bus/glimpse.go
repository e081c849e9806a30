package bus

import "context"

// SpecsNow returns all generations as they are now. The view stands still: it
// needs no Run, and may not have one.
func (b *Bus) SpecsNow(ctx context.Context) (*Specs, error) {
	s, err := b.OpenSpecs(ctx)
	if err != nil {
		return nil, err
	}
	s.from.stop()
	return s, nil
}

// CurvesNow returns a generation's sample as it is now. The view stands still:
// it needs no Run, and may not have one.
func (b *Bus) CurvesNow(ctx context.Context, gen Generation) (*Curves, error) {
	c, err := b.OpenCurves(ctx, gen.ID, &gen.Spec)
	if err != nil {
		return nil, err
	}
	c.from.stop()
	return c, nil
}

package emit

import (
	"context"

	"github.com/cis490/profiles/bus"
)

// makeUpFor notes that the log has every episode of the file again, if it had lost messages
// before it was read.
func (e *Emitter) makeUpFor(ctx context.Context, losses bus.LogLosses) error {
	specs, err := e.Bus.ReadSpecs(ctx)
	if err != nil || len(specs.LogLost(losses)) == 0 {
		return err
	}
	return e.Bus.MakeUpFor(ctx, losses)
}

package streamer

import (
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/pflag"
)

// ModelFlags adds the flags that fill m.
func ModelFlags(f *pflag.FlagSet, m *Models) {
	f.Var(&optional{&m.Metric}, "also-metric", "accuracy of a model trained elsewhere, 0 to 1; published as model_metric each cycle")
	f.Var(&optional{&m.LatencyUS}, "also-perf-latency-us", "latency of one inference of it, in µs; published with the accuracy as model_perf")
	f.StringVar(&m.Name, "also-model", DefaultModelName, "name of that model; what the workers measure has other names, such as knn-measured")
}

// optional is a flag whose value is nil if it is not given, so that it differs from 0.
type optional struct{ to **float64 }

func (o *optional) String() string {
	if o.to == nil || *o.to == nil {
		return ""
	}
	return strconv.FormatFloat(**o.to, 'g', -1, 64)
}

func (o *optional) Set(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
		return fmt.Errorf("%q is not a number of at least 0", text)
	}
	*o.to = &x
	return nil
}

func (o *optional) Type() string { return "number" }

package plot

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
)

// headroom is the part of a panel above the curve, for the names of the phases.
const headroom = 0.16

// panel draws one profile in its colour.
func panel(row *dataset.AttackProfile, points fit.Points, shade color.NRGBA) (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = color.White
	p.X.Label.Text = "point"
	p.Y.Label.Text = row.ShownUnit()
	p.X.Padding, p.Y.Padding = 0, 0
	setFont(&p.X.Label.TextStyle, 9)
	setFont(&p.Y.Label.TextStyle, 9)
	setFont(&p.X.Tick.Label, 8)
	setFont(&p.Y.Tick.Label, 8)

	n := len(row.MedianRaw)
	band := make(plotter.XYs, 0, 2*n)
	median := make(plotter.XYs, n)
	low, high := 0.0, 0.0
	for i := range n {
		x := float64(i)
		median[i] = plotter.XY{X: x, Y: float64(row.MedianRaw[i])}
		band = append(band, plotter.XY{X: x, Y: float64(row.P75Raw[i])})
		for _, v := range []float32{row.MedianRaw[i], row.P25Raw[i], row.P75Raw[i]} {
			low, high = min(low, float64(v)), max(high, float64(v))
		}
	}
	for i := n - 1; i >= 0; i-- {
		band = append(band, plotter.XY{X: float64(i), Y: float64(row.P25Raw[i])})
	}
	area, err := plotter.NewPolygon(band)
	if err != nil {
		return nil, err
	}
	area.Color, area.LineStyle.Width = faint(shade, bandAlpha), 0
	line, err := plotter.NewLine(median)
	if err != nil {
		return nil, err
	}
	line.LineStyle = draw.LineStyle{Color: shade, Width: vg.Points(1.6)}
	if high == low {
		high = low + 1
	}
	phases := newPhases(points)
	p.X.Min, p.X.Max = -0.5, float64(n)-0.5
	p.Y.Min, p.Y.Max = low, low+(high-low)/(1-headroom)
	p.X.Tick.Marker = phases
	p.Y.Tick.Marker = shortTicks{high}
	p.Add(phases, area, line)
	// Add has widened the axes.
	p.X.Min, p.X.Max = -0.5, float64(n)-0.5
	p.Y.Min, p.Y.Max = low, low+(high-low)/(1-headroom)
	return p, nil
}

// drawTitle writes the title above a panel.
func drawTitle(c draw.Canvas, row *dataset.AttackProfile) {
	name := text.Style{Color: color.Black, XAlign: text.XLeft, YAlign: text.YTop, Handler: plot.DefaultTextHandler}
	setFont(&name, 11.5)
	name.Font.Weight = font.WeightBold
	c.FillText(name, vg.Point{X: c.Min.X + indent, Y: c.Max.Y}, clip(row.Profile, 40))
	what := name
	what.Color = nameColor
	setFont(&what, 9)
	what.Font.Weight = font.WeightNormal
	c.FillText(what, vg.Point{X: c.Min.X + indent, Y: c.Max.Y - vg.Points(15)},
		fmt.Sprintf("%s, %d episodes used of %d attempted", clip(row.Channel, 40), row.Used, row.Attempted))
}

// indent is about the width of the labels left of a panel's frame.
const indent = 0.45 * vg.Inch

// clip shortens a name that is too long for its panel.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func setFont(s *text.Style, size vg.Length) {
	s.Font.Typeface, s.Font.Variant, s.Font.Size = "Liberation", "Sans", size
}

// phases draws the borders and the names of a curve's slices, and has ticks at their first points. A slice without points is not
// drawn.
type phases struct {
	names  [5]string
	counts [5]int
}

func newPhases(p fit.Points) phases {
	return phases{
		names:  [5]string{"clean", "armed", "infecting", "running", "clean"},
		counts: p.Counts(),
	}
}

const attack = 3 // the index of infected_running

// Plot implements plot.Plotter.
func (ph phases) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	style := text.Style{Color: nameColor, XAlign: text.XCenter, YAlign: text.YTop, Handler: plot.DefaultTextHandler}
	setFont(&style, 7.5)
	border := draw.LineStyle{Color: borderColor, Width: vg.Points(0.6), Dashes: []vg.Length{vg.Points(2), vg.Points(2)}}
	start := 0
	for i, count := range ph.counts {
		if count == 0 {
			continue
		}
		from, to := toX(float64(start)-0.5), toX(float64(start+count)-0.5)
		if i == attack {
			c.FillPolygon(attackColor, []vg.Point{{X: from, Y: toY(p.Y.Min)}, {X: to, Y: toY(p.Y.Min)}, {X: to, Y: toY(p.Y.Max)}, {X: from, Y: toY(p.Y.Max)}})
		}
		if start > 0 {
			c.StrokeLine2(border, from, toY(p.Y.Min), from, toY(p.Y.Max))
		}
		name, at := style, vg.Point{X: (from + to) / 2, Y: toY(p.Y.Max) - vg.Points(2)}
		if style.Width(ph.names[i]) > to-from-vg.Points(2) { // too narrow: write it along the border
			name.Rotation, name.XAlign, name.YAlign = math.Pi/2, text.XRight, text.YCenter
		}
		c.FillText(name, at, ph.names[i])
		start += count
	}
}

// Ticks implements plot.Ticker.
func (ph phases) Ticks(_, _ float64) []plot.Tick {
	var ticks []plot.Tick
	start := 0
	for _, count := range ph.counts {
		if count == 0 {
			continue
		}
		ticks = append(ticks, plot.Tick{Value: float64(start) - 0.5, Label: strconv.Itoa(start)})
		start += count
	}
	return append(ticks, plot.Tick{Value: float64(start) - 0.5, Label: strconv.Itoa(start)})
}

// shortTicks has about five ticks up to its limit, with round labels that end in k, M, G for thousands, millions and so on.
type shortTicks struct{ limit float64 }

// Ticks implements plot.Ticker.
func (s shortTicks) Ticks(lo, _ float64) []plot.Tick {
	step := niceStep((s.limit - lo) / 6)
	var ticks []plot.Tick
	for k := math.Ceil(lo / step); k*step <= s.limit+step/1e6; k++ {
		ticks = append(ticks, plot.Tick{Value: k * step, Label: shorten(k * step)})
	}
	return ticks
}

// niceStep returns the least step of 1, 2 or 5 times a power of ten that is not below x.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*0.999 {
			return m * power
		}
	}
	return 10 * power
}

func shorten(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

package plot

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/cis490/profiles/fit"
)

// The colours of profiles by place, those of the dashboard's page: the palette of Okabe and Ito, darker where the contrast on white
// would be below 3:1. People with a colour vision deficiency can tell them apart.
var palette = [...]color.NRGBA{
	{R: 0xb8, G: 0x43, B: 0x00, A: 0xff}, // vermillion
	{R: 0x00, G: 0x5c, B: 0x91, A: 0xff}, // blue
	{R: 0xb8, G: 0x80, B: 0x00, A: 0xff}, // orange
	{R: 0x00, G: 0x80, B: 0x5d, A: 0xff}, // green
	{R: 0xa9, G: 0x4d, B: 0x82, A: 0xff}, // purple
	{R: 0x3f, G: 0x9a, B: 0xd1, A: 0xff}, // sky
}

// The opacities of bands and of upper quartiles, 0 to 255, as on the page.
const (
	bandAlpha     = 0x38
	quartileAlpha = 0x47
)

var (
	keyColor    = color.NRGBA{R: 0x58, G: 0x5f, B: 0x66, A: 0xff} // of marks in a legend, for all profiles
	attackColor = color.NRGBA{R: 0x22, G: 0x30, B: 0x3c, A: 0x1a} // behind infected_running, faint
	borderColor = color.NRGBA{R: 0x99, G: 0x99, B: 0x99, A: 0xff}
	nameColor   = color.NRGBA{R: 0x44, G: 0x44, B: 0x44, A: 0xff}
)

// colorAt returns the colour of the profile at a place, which is a number from 0.
func colorAt(place int) color.NRGBA { return palette[place%len(palette)] }

// faint returns a colour with another opacity.
func faint(c color.NRGBA, alpha uint8) color.NRGBA {
	c.A = alpha
	return c
}

// shortPhase returns the name of a slice as the page shows it below a plot.
func shortPhase(name string) string {
	switch name {
	case fit.SliceCleanLead, fit.SliceCleanTail:
		return "clean"
	case fit.SliceInfectedRunning:
		return "running"
	default:
		return name
	}
}

// A key is an entry of a legend. Line is a line, otherwise it is an area of this opacity.
type key struct {
	name  string
	line  bool
	alpha uint8
}

// drawHead draws the title and the legend of a figure at its top. note may be empty.
func drawHead(c draw.Canvas, heading, note string, keys []key) {
	title := text.Style{Color: color.Black, XAlign: text.XLeft, YAlign: text.YCenter, Handler: plot.DefaultTextHandler}
	setFont(&title, 14)
	small := title
	setFont(&small, 10)
	middle := (c.Min.Y + c.Max.Y) / 2
	x := c.Min.X + 2*margin
	c.FillText(title, vg.Point{X: x, Y: middle}, heading)
	x += title.Width(heading) + vg.Points(24)
	for _, k := range keys {
		w, h := vg.Points(20), vg.Points(5)
		if k.line {
			c.StrokeLine2(draw.LineStyle{Color: keyColor, Width: vg.Points(1.6)}, x, middle, x+w, middle)
		} else {
			c.FillPolygon(faint(keyColor, k.alpha), []vg.Point{{X: x, Y: middle - h}, {X: x + w, Y: middle - h}, {X: x + w, Y: middle + h}, {X: x, Y: middle + h}})
		}
		c.FillText(small, vg.Point{X: x + vg.Points(26), Y: middle}, k.name)
		x += vg.Points(26) + small.Width(k.name) + vg.Points(18)
	}
	c.FillText(small, vg.Point{X: x, Y: middle}, note)
}

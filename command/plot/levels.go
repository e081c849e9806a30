package plot

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// A LevelColumn is one profile in a figure of level curves.
type LevelColumn struct {
	Profile  string
	Used     int
	Place    int // among all profiles, from 0: it sets the colour
	Channels []signature.Channel
}

// Sizes of a figure of level curves.
const (
	levelWidth  = 2.6 * vg.Inch
	levelHeight = 0.78 * vg.Inch
	levelLabels = 1.5 * vg.Inch // left of the columns
	levelFoot   = 0.3 * vg.Inch
	levelGap    = 0.12 * vg.Inch
	levelLeast  = 8 * vg.Inch   // of the figure, for its legend
	levelTitle  = 0.3 * vg.Inch // the names of the profiles
)

// Levels draws the level curves of profiles, as the dashboard's page does: a column for each profile, a row for each channel, in
// which the median is an area before that of the upper quartile. The scale of a row is logarithmic, of 1 plus the value, and goes
// from 0 to the greatest value of all columns. If phase names a slice, only that slice is drawn.
//
// It is an error, and nothing is written, if format is unknown, if there are no columns or more than 64, if a column has other
// channels than the first or another number of points than points, or if no slice is named phase.
func Levels(w io.Writer, format Format, columns []LevelColumn, points fit.Points, phase string) error {
	format, err := ParseFormat(string(format))
	if err != nil {
		return err
	}
	spans, err := checkLevels(columns, points, phase)
	if err != nil {
		return fmt.Errorf("draw levels: %w", err)
	}
	channels := columns[0].Channels
	width := max(levelLabels+vg.Length(len(columns))*(levelWidth+levelGap)+margin, levelLeast)
	height := headHeight + levelTitle + vg.Length(len(channels))*(levelHeight+levelGap) + levelFoot
	canvas := newCanvas(format, width, height)
	whole := draw.New(canvas)
	drawHead(draw.Crop(whole, 0, 0, height-headHeight, 0), "Levels", levelNote, []key{{name: "dark: median", alpha: 0xff}, {name: "light: upper quartile", alpha: quartileAlpha}})
	for c, column := range columns {
		left := levelLabels + vg.Length(c)*(levelWidth+levelGap)
		label(whole, vg.Point{X: left, Y: height - headHeight}, 11, text.XLeft, text.YTop, fmt.Sprintf("%s, n = %d", clip(column.Profile, 30), column.Used))
		for r, channel := range column.Channels {
			top := height - headHeight - levelTitle - vg.Length(r)*(levelHeight+levelGap)
			area := draw.Crop(whole, left, left+levelWidth-width, top-levelHeight, top-height)
			drawLevels(area, channel.Levels, greatest(columns, r, spans), spans, colorAt(column.Place))
		}
		drawFoot(whole, left, spans)
	}
	for r, channel := range channels {
		middle := height - headHeight - levelTitle - vg.Length(r)*(levelHeight+levelGap) - levelHeight/2
		label(whole, vg.Point{X: levelLabels - margin, Y: middle + vg.Points(6)}, 9, text.XRight, text.YCenter, clip(channel.Name, 26))
		label(whole, vg.Point{X: levelLabels - margin, Y: middle - vg.Points(6)}, 8, text.XRight, text.YCenter, "to "+withUnit(greatest(columns, r, spans), channel.Unit))
	}
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("draw levels: %w", err)
	}
	return nil
}

// levelNote says how to read the figure.
const levelNote = "sorted from high to low, no longer time · logarithmic"

// LevelsFile writes the figure of [Levels] to the file at path, as [ProfilesFile] does.
func LevelsFile(path string, columns []LevelColumn, points fit.Points, phase string) error {
	return toFile(path, func(w io.Writer, format Format) error { return Levels(w, format, columns, points, phase) })
}

// checkLevels checks the columns and returns the spans to draw.
func checkLevels(columns []LevelColumn, points fit.Points, phase string) ([]fit.Span, error) {
	if len(columns) == 0 || len(columns) > maxPanels {
		return nil, fmt.Errorf("%d profiles, want 1 to %d", len(columns), maxPanels)
	}
	if len(columns[0].Channels) == 0 {
		return nil, errors.New("no channels: the spec has no signature")
	}
	for _, column := range columns {
		if err := column.check(columns[0], points.Total()); err != nil {
			return nil, err
		}
	}
	return spansOf(points, phase)
}

// check returns an error if the channels are not those of the first column, or have another number of points.
func (c LevelColumn) check(first LevelColumn, points int) error {
	if len(c.Channels) != len(first.Channels) {
		return fmt.Errorf("%s has %d channels, %s has %d", c.Profile, len(c.Channels), first.Profile, len(first.Channels))
	}
	for i, channel := range c.Channels {
		if channel.Name != first.Channels[i].Name || len(channel.Levels.Median) != points || len(channel.Levels.P75) != points {
			return fmt.Errorf("%s has channel %s of %d points, want %s of %d", c.Profile, channel.Name, len(channel.Levels.Median), first.Channels[i].Name, points)
		}
	}
	return nil
}

// spansOf returns the span of a phase, or all spans with points if phase is empty.
func spansOf(points fit.Points, phase string) ([]fit.Span, error) {
	if phase == "" {
		return points.FilledSpans(), nil
	}
	for _, span := range points.Spans() {
		if span.Name == phase && span.Points == 0 {
			return nil, fmt.Errorf("the spec leaves phase %s out: it has no points", phase)
		}
		if span.Name == phase {
			return []fit.Span{span}, nil
		}
	}
	return nil, fmt.Errorf("no phase is %q: they are clean_lead, armed, infecting, infected_running and clean_tail", phase)
}

// withUnit formats a value with two digits and its unit: "12k/s" for counts.
func withUnit(v float64, unit string) string {
	if rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64); err == nil {
		v = rounded
	}
	if unit == "1/s" {
		return shorten(v) + "/s"
	}
	return strings.TrimSpace(shorten(v) + " " + unit)
}

// greatest returns the greatest value of a row.
func greatest(columns []LevelColumn, row int, spans []fit.Span) float64 {
	most := 0.0
	for _, column := range columns {
		levels := column.Channels[row].Levels
		for _, span := range spans {
			for i := span.Start; i < span.Start+span.Points; i++ {
				for _, v := range []float64{levels.Median[i], levels.P75[i]} {
					if v > most {
						most = v
					}
				}
			}
		}
	}
	return most
}

// drawLevels draws one profile and channel. The spans follow each other; most is the value at the upper edge.
func drawLevels(c draw.Canvas, levels signature.Band, most float64, spans []fit.Span, shade color.NRGBA) {
	first, last := spans[0].Start, spans[len(spans)-1]
	end := last.Start + last.Points
	x := func(i int) vg.Length { return c.Min.X + c.Size().X*vg.Length(i-first)/vg.Length(end-first) }
	area := func(values signature.Row, fill color.Color) {
		for i, v := range values[first:end] {
			if v > 0 { // not NaN
				from, to, top := x(first+i), x(first+i+1), c.Min.Y+c.Size().Y*vg.Length(math.Log1p(v)/math.Log1p(most))
				c.FillPolygon(fill, []vg.Point{{X: from, Y: c.Min.Y}, {X: from, Y: top}, {X: to, Y: top}, {X: to, Y: c.Min.Y}})
			}
		}
	}
	area(levels.P75, faint(shade, quartileAlpha))
	area(levels.Median, shade)
	line := draw.LineStyle{Color: borderColor, Width: vg.Points(0.5)}
	c.StrokeLine2(line, c.Min.X, c.Min.Y, c.Max.X, c.Min.Y)
	for _, span := range spans[1:] {
		c.StrokeLine2(line, x(span.Start), c.Min.Y, x(span.Start), c.Max.Y)
	}
}

// drawFoot writes the names of the phases that are wide enough.
func drawFoot(c draw.Canvas, left vg.Length, spans []fit.Span) {
	first, points := spans[0].Start, 0
	for _, span := range spans {
		points += span.Points
	}
	for _, span := range spans {
		if 5*span.Points < points {
			continue
		}
		middle := left + levelWidth*(vg.Length(span.Start-first)+vg.Length(span.Points)/2)/vg.Length(points)
		label(c, vg.Point{X: middle, Y: levelFoot - vg.Points(4)}, 8, text.XCenter, text.YTop, shortPhase(span.Name))
	}
}

func label(c draw.Canvas, at vg.Point, size vg.Length, x text.XAlignment, y text.YAlignment, words string) {
	style := text.Style{Color: nameColor, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
	setFont(&style, size)
	c.FillText(style, at, words)
}

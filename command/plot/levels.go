package plot

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// A LevelColumn is one profile of a figure of levels.
type LevelColumn struct {
	Profile  string
	Used     int
	Channels []signature.Channel
}

// Sizes of a figure of levels.
const (
	levelWidth  = 2.6 * vg.Inch
	levelHeight = 0.78 * vg.Inch
	levelLabels = 1.5 * vg.Inch // left of the columns
	levelFoot   = 0.3 * vg.Inch
	levelGap    = 0.12 * vg.Inch
)

// Levels draws the level curves of profiles, a column each: for every channel the
// median as an area over the band up to the upper quartile, from 0 to what is the
// greatest in the row. With a phase nothing but that slice is drawn, and rows are
// scaled to it.
//
// It is an error, and nothing is written, where format is unknown, there are no
// columns or more than 64, they have other channels than the first, or points is
// not how they are divided, or has no such phase.
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
	width := levelLabels + vg.Length(len(columns))*(levelWidth+levelGap) + margin
	height := headHeight + vg.Length(len(channels))*(levelHeight+levelGap) + levelFoot
	canvas := newCanvas(format, width, height)
	whole := draw.New(canvas)
	for c, column := range columns {
		left := levelLabels + vg.Length(c)*(levelWidth+levelGap)
		label(whole, vg.Point{X: left, Y: height - margin}, 11, text.XLeft, text.YTop, fmt.Sprintf("%s, %d episodes", clip(column.Profile, 30), column.Used))
		for r, channel := range column.Channels {
			top := height - headHeight - vg.Length(r)*(levelHeight+levelGap)
			area := draw.Crop(whole, left, left+levelWidth-width, top-levelHeight, top-height)
			drawLevels(area, channel.Levels, greatest(columns, r, spans), spans)
		}
		drawFoot(whole, left, spans)
	}
	for r, channel := range channels {
		middle := height - headHeight - vg.Length(r)*(levelHeight+levelGap) - levelHeight/2
		label(whole, vg.Point{X: levelLabels - margin, Y: middle + vg.Points(6)}, 9, text.XRight, text.YCenter, clip(channel.Name, 26))
		label(whole, vg.Point{X: levelLabels - margin, Y: middle - vg.Points(6)}, 8, text.XRight, text.YCenter, fmt.Sprintf("to %.3g %s", greatest(columns, r, spans), channel.Unit))
	}
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("draw levels: %w", err)
	}
	return nil
}

// LevelsFile draws into the file at path as [Levels] does; as [ProfilesFile], whole
// or not at all.
func LevelsFile(path string, columns []LevelColumn, points fit.Points, phase string) error {
	return toFile(path, func(w io.Writer, format Format) error { return Levels(w, format, columns, points, phase) })
}

func checkLevels(columns []LevelColumn, points fit.Points, phase string) ([]fit.Span, error) {
	if len(columns) == 0 || len(columns) > maxPanels {
		return nil, fmt.Errorf("%d profiles, want 1 to %d", len(columns), maxPanels)
	}
	if len(columns[0].Channels) == 0 {
		return nil, errors.New("no channels: the spec has no signature")
	}
	for _, column := range columns {
		if len(column.Channels) != len(columns[0].Channels) {
			return nil, fmt.Errorf("%s has %d channels, %s has %d", column.Profile, len(column.Channels), columns[0].Profile, len(columns[0].Channels))
		}
		for i, channel := range column.Channels {
			if channel.Name != columns[0].Channels[i].Name || len(channel.Levels.Median) != points.Total() || len(channel.Levels.P75) != points.Total() {
				return nil, fmt.Errorf("%s has channel %s of %d points, want %s of %d", column.Profile, channel.Name, len(channel.Levels.Median), columns[0].Channels[i].Name, points.Total())
			}
		}
	}
	all := points.Spans()
	if phase == "" {
		return all[:], nil
	}
	for _, span := range all {
		if span.Name == phase {
			return []fit.Span{span}, nil
		}
	}
	return nil, fmt.Errorf("no phase is %q: they are clean_lead, armed, infecting, infected_running and clean_tail", phase)
}

// greatest is the greatest level of a row.
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

func drawLevels(c draw.Canvas, levels signature.Band, most float64, spans []fit.Span) {
	first, points := spans[0].Start, 0
	for _, span := range spans {
		points += span.Points
	}
	x := func(i int) vg.Length { return c.Min.X + c.Size().X*vg.Length(i-first)/vg.Length(points) }
	y := func(v float64) vg.Length {
		if !(v > 0) || most == 0 {
			return c.Min.Y
		}
		return c.Min.Y + c.Size().Y*vg.Length(v/most)
	}
	for _, layer := range []struct {
		values signature.Row
		color  color.Color
	}{{levels.P75, bandColor}, {levels.Median, lineColor}} {
		for _, span := range spans {
			for i := span.Start; i < span.Start+span.Points; i++ {
				if v := layer.values[i]; !math.IsNaN(v) && v > 0 {
					c.FillPolygon(layer.color, []vg.Point{{X: x(i), Y: c.Min.Y}, {X: x(i), Y: y(v)}, {X: x(i + 1), Y: y(v)}, {X: x(i + 1), Y: c.Min.Y}})
				}
			}
		}
	}
	line := draw.LineStyle{Color: borderColor, Width: vg.Points(0.5)}
	c.StrokeLine2(line, c.Min.X, c.Min.Y, c.Max.X, c.Min.Y)
	for _, span := range spans[1:] {
		c.StrokeLine2(line, x(span.Start), c.Min.Y, x(span.Start), c.Max.Y)
	}
}

// drawFoot names the phases that have room for it.
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
		label(c, vg.Point{X: middle, Y: levelFoot - vg.Points(4)}, 8, text.XCenter, text.YTop, span.Name)
	}
}

func label(c draw.Canvas, at vg.Point, size vg.Length, x text.XAlignment, y text.YAlignment, words string) {
	style := text.Style{Color: nameColor, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
	setFont(&style, size)
	c.FillText(style, at, words)
}

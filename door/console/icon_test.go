package console

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"strongroom/web"
)

var update = flag.Bool("update", false, "draw the icons anew")

// drawn is icon.svg as pixels: on its rounded ground, on a ground that fills the picture
// (which systems cut to a shape of theirs), or without any, as a mask.
func drawn(size int, ground string, scale float64) image.Image {
	green, white := color.NRGBA{0x0b, 0x5d, 0x4d, 0xff}, color.NRGBA{0xff, 0xff, 0xff, 0xff}
	// box is how far a point is from the edge of a box with round corners, inside negative.
	box := func(x, y, half, round float64) float64 {
		dx, dy := math.Abs(x-32)-half+round, math.Abs(y-32)-half+round
		return math.Hypot(math.Max(dx, 0), math.Max(dy, 0)) + math.Min(math.Max(dx, dy), 0) - round
	}
	tick := func(x, y float64) bool { // from 12 to 8 units off the middle, with round ends
		off := math.Min(math.Max(y, 8), 12)
		return math.Hypot(x, y-off) <= 2
	}
	mark := func(x, y float64) bool {
		u, v := x-32, y-32
		return math.Abs(box(x, y, 18, 6)) <= 2 || math.Abs(math.Hypot(u, v)-8) <= 2 || tick(u, v) || tick(u, -v) || tick(v, u) || tick(v, -u)
	}
	const fine = 4 // samples a pixel each way
	out := image.NewNRGBA(image.Rect(0, 0, size, size))
	for py := range size {
		for px := range size {
			var onGround, onMark int
			for i := range fine * fine {
				x := (float64(px) + (float64(i%fine)+0.5)/fine) * 64 / float64(size)
				y := (float64(py) + (float64(i/fine)+0.5)/fine) * 64 / float64(size)
				if ground == "full" || ground == "round" && box(x, y, 32, 14) <= 0 {
					onGround++
				}
				if mark(32+(x-32)/scale, 32+(y-32)/scale) {
					onMark++
				}
			}
			part := float64(onMark) / (fine * fine)
			mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-part) + float64(b)*part)) }
			c := color.NRGBA{mix(green.R, white.R), mix(green.G, white.G), mix(green.B, white.B), uint8(255 * onGround / (fine * fine))}
			if ground == "" {
				c = color.NRGBA{0xff, 0xff, 0xff, uint8(255 * onMark / (fine * fine))}
			}
			out.SetNRGBA(px, py, c)
		}
	}
	return out
}

// The icons that systems want as pixels are drawn here: go test ./door/console -run Icons -update.
func TestIcons(t *testing.T) {
	for name, picture := range map[string]image.Image{
		"icon-192.png": drawn(192, "round", 1), "icon-512.png": drawn(512, "round", 1), "icon-maskable.png": drawn(512, "full", 0.8),
		"icon-apple.png": drawn(180, "full", 0.95), "badge.png": drawn(96, "", 1.4),
	} {
		if *update {
			var b bytes.Buffer
			if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, picture); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join("..", "..", "web", name), b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, err := fs.ReadFile(web.Assets, name)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := png.Decode(bytes.NewReader(text))
		if err != nil || kept.Bounds() != picture.Bounds() {
			t.Fatalf("%s is %v, %v", name, kept, err)
		}
		for y := range picture.Bounds().Dy() {
			for x := range picture.Bounds().Dx() {
				if color.NRGBAModel.Convert(kept.At(x, y)) != color.NRGBAModel.Convert(picture.At(x, y)) {
					t.Fatalf("%s is not what is drawn: run this test with -update", name)
				}
			}
		}
	}
}

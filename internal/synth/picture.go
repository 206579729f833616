package synth

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"strings"
	"time"
)

// glyphs are letters five columns wide; bit 0 of a column is its top.
var glyphs = map[rune][5]byte{
	'A': {0x7e, 0x11, 0x11, 0x11, 0x7e}, 'B': {0x7f, 0x49, 0x49, 0x49, 0x36}, 'C': {0x3e, 0x41, 0x41, 0x41, 0x22},
	'D': {0x7f, 0x41, 0x41, 0x22, 0x1c}, 'E': {0x7f, 0x49, 0x49, 0x49, 0x41}, 'F': {0x7f, 0x09, 0x09, 0x09, 0x01},
	'G': {0x3e, 0x41, 0x49, 0x49, 0x7a}, 'H': {0x7f, 0x08, 0x08, 0x08, 0x7f}, 'I': {0x00, 0x41, 0x7f, 0x41, 0x00},
	'J': {0x20, 0x40, 0x41, 0x3f, 0x01}, 'K': {0x7f, 0x08, 0x14, 0x22, 0x41}, 'L': {0x7f, 0x40, 0x40, 0x40, 0x40},
	'M': {0x7f, 0x02, 0x0c, 0x02, 0x7f}, 'N': {0x7f, 0x04, 0x08, 0x10, 0x7f}, 'O': {0x3e, 0x41, 0x41, 0x41, 0x3e},
	'P': {0x7f, 0x09, 0x09, 0x09, 0x06}, 'Q': {0x3e, 0x41, 0x51, 0x21, 0x5e}, 'R': {0x7f, 0x09, 0x19, 0x29, 0x46},
	'S': {0x46, 0x49, 0x49, 0x49, 0x31}, 'T': {0x01, 0x01, 0x7f, 0x01, 0x01}, 'U': {0x3f, 0x40, 0x40, 0x40, 0x3f},
	'V': {0x1f, 0x20, 0x40, 0x20, 0x1f}, 'W': {0x3f, 0x40, 0x38, 0x40, 0x3f}, 'X': {0x63, 0x14, 0x08, 0x14, 0x63},
	'Y': {0x07, 0x08, 0x70, 0x08, 0x07}, 'Z': {0x61, 0x51, 0x49, 0x45, 0x43},
	'0': {0x3e, 0x51, 0x49, 0x45, 0x3e}, '1': {0x00, 0x42, 0x7f, 0x40, 0x00}, '2': {0x42, 0x61, 0x51, 0x49, 0x46},
	'3': {0x21, 0x41, 0x45, 0x4b, 0x31}, '4': {0x18, 0x14, 0x12, 0x7f, 0x10}, '5': {0x27, 0x45, 0x45, 0x45, 0x39},
	'6': {0x3c, 0x4a, 0x49, 0x49, 0x30}, '7': {0x01, 0x71, 0x09, 0x05, 0x03}, '8': {0x36, 0x49, 0x49, 0x49, 0x36},
	'9': {0x06, 0x49, 0x49, 0x29, 0x1e},
	'-': {0x08, 0x08, 0x08, 0x08, 0x08}, '.': {0x00, 0x60, 0x60, 0x00, 0x00}, '/': {0x20, 0x10, 0x08, 0x04, 0x02},
	':': {0x00, 0x36, 0x36, 0x00, 0x00}, '<': {0x08, 0x14, 0x22, 0x41, 0x00}, ',': {0x00, 0x50, 0x30, 0x00, 0x00}, '\'': {0x00, 0x05, 0x03, 0x00, 0x00},
	'?': {0x02, 0x01, 0x51, 0x09, 0x06}, '@': {0x3e, 0x41, 0x5d, 0x55, 0x1e},
}

// write draws text in palette colour 1; what has no glyph is left blank.
func write(picture *image.Paletted, x, y, scale int, text string) {
	for _, c := range strings.ToUpper(plain(text)) {
		for column, pattern := range glyphs[c] {
			for row := range 7 {
				if pattern>>row&1 == 1 {
					fill := image.Rect(x+column*scale, y+row*scale, x+(column+1)*scale, y+(row+1)*scale)
					paint(picture, fill, 1)
				}
			}
		}
		x += 6 * scale
	}
}

func paint(picture *image.Paletted, area image.Rectangle, index uint8) {
	area = area.Intersect(picture.Rect)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			picture.SetColorIndex(x, y, index)
		}
	}
}

// identityCard is a scanned card with a machine-readable zone (ICAO 9303, TD1).
func identityCard(p paper) []byte {
	random := p.random
	picture := image.NewPaletted(image.Rect(0, 0, 760, 480), color.Palette{
		color.Gray{0xec}, color.Gray{0x18}, color.Gray{0xe2}, color.Gray{0xb4}, color.Gray{0xd8},
	})
	for range 6000 { // the grain of a scanner
		picture.SetColorIndex(random.IntN(760), random.IntN(480), 2+uint8(random.IntN(3)))
	}
	paint(picture, image.Rect(40, 100, 220, 330), 3) // the photograph
	birth := time.Date(1950+random.IntN(50), time.Month(1+random.IntN(12)), 1+random.IntN(28), 0, 0, 0, 0, time.UTC)
	expiry := p.date.AddDate(4, 0, 0)
	number := fmt.Sprintf("X%dRTBPF%dW", random.IntN(10), random.IntN(10))
	write(picture, 40, 30, 4, "SPECIMEN - CARTE D IDENTITE")
	for i, line := range []string{
		"NOM: " + p.customer.Family, "PRENOM: " + p.customer.Given, "NE LE: " + birth.Format("02/01/2006"),
		"NO: " + number, "EXPIRE LE: " + expiry.Format("02/01/2006"),
	} {
		write(picture, 250, 110+44*i, 3, line)
	}
	for i, line := range machineZone(number, birth, expiry, p.customer) {
		write(picture, 30, 370+34*i, 3, line)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		panic("synth: encoding the identity card: " + err.Error())
	}
	return b.Bytes()
}

// machineZone is three lines of thirty characters.
func machineZone(number string, birth, expiry time.Time, c Customer) [3]string {
	pad := func(s string) string { return (s + strings.Repeat("<", 30))[:30] }
	upper := pad("IDFRA" + number + checkDigit(number))
	born, ends := birth.Format("060102"), expiry.Format("060102")
	middle := (born + checkDigit(born) + "X" + ends + checkDigit(ends) + "FRA" + strings.Repeat("<", 11))[:29]
	whole := upper[5:] + middle[:7] + middle[8:15] + middle[18:]
	name := strings.ToUpper(plain(c.Family) + "<<" + plain(c.Given))
	return [3]string{upper, middle + checkDigit(whole), pad(name)}
}

// checkDigit weighs characters 7, 3, 1; letters count from 10, fillers nothing.
func checkDigit(s string) string {
	sum := 0
	for i, c := range s {
		value := 0
		switch {
		case c >= '0' && c <= '9':
			value = int(c - '0')
		case c >= 'A' && c <= 'Z':
			value = int(c-'A') + 10
		}
		sum += value * [3]int{7, 3, 1}[i%3]
	}
	return fmt.Sprint(sum % 10)
}

// screen is what the agent's screen showed, as an animation: the customer's file
// in which the lines of the call appear as notes.
func screen(call *Call) []byte {
	movie := gif.GIF{LoopCount: -1}
	palette := color.Palette{color.RGBA{0xf6, 0xf7, 0xf9, 0xff}, color.RGBA{0x1a, 0x23, 0x30, 0xff}, color.RGBA{0x3b, 0x6e, 0xa5, 0xff}}
	for i := range call.Lines {
		picture := image.NewPaletted(image.Rect(0, 0, 640, 360), palette)
		paint(picture, image.Rect(0, 0, 640, 34), 2)
		write(picture, 12, 10, 2, "CUSTOMER "+call.Customer.ID+"  QUEUE "+call.Queue)
		write(picture, 12, 50, 2, call.Customer.Given+" "+call.Customer.Family)
		write(picture, 12, 74, 2, call.Customer.Email+"  "+call.Customer.Phone)
		for j, line := range call.Lines[:i+1] {
			write(picture, 12, 120+24*j, 2, line.Text)
		}
		until := call.Duration
		if i+1 < len(call.Lines) {
			until = call.Lines[i+1].Start
		}
		movie.Image = append(movie.Image, picture)
		movie.Delay = append(movie.Delay, int((until-call.Lines[i].Start)/(10*time.Millisecond)))
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &movie); err != nil {
		panic("synth: encoding the screen: " + err.Error())
	}
	return b.Bytes()
}

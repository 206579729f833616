package synth

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"
	"unicode"
)

const sampleRate = 8000 // Hz, as telephones have it

// sine is one turn of a sine in 1,024 steps. Sound is made in whole numbers from
// it, so that every processor gets the same samples.
var sine = func() (table [1024]int64) {
	for i := range table {
		table[i] = int64(math.Round(32767 * math.Sin(2*math.Pi*float64(i)/1024)))
	}
	return table
}()

// formants are the resonances (Hz) by which vowels are told apart.
var formants = map[rune][3]int64{
	'a': {730, 1090, 2440}, 'e': {530, 1840, 2480}, 'i': {270, 2290, 3010}, 'o': {570, 840, 2410}, 'u': {300, 870, 2240},
}

// sound renders a call: two channels interleaved, the agent left, the customer
// right, speech-like tones where a line is spoken and faint noise elsewhere.
func sound(call *Call) []int16 {
	random := rand.New(rand.NewPCG(call.seed[0], call.seed[1]^1<<62))
	samples := make([]int16, 2*int(call.Duration*sampleRate/time.Second))
	for i := range samples {
		samples[i] = int16(random.IntN(13)) - 6
	}
	pitch := [2]int64{105 + random.Int64N(110), 105 + random.Int64N(110)} // Hz
	for _, line := range call.Lines {
		channel := 1
		if line.Agent {
			channel = 0
		}
		speak(samples[channel:], pitch[channel], line, random)
	}
	return samples
}

// speak adds one line to every second sample of out: one syllable per vowel
// group, each a voiced tone through the vowel's formants after a short hiss.
func speak(out []int16, pitch int64, line Line, random *rand.Rand) {
	var vowels []rune
	for _, c := range plain(line.Text) {
		c = unicode.ToLower(c)
		switch {
		case formants[c] != [3]int64{}:
			vowels = append(vowels, c)
		case unicode.IsDigit(c):
			vowels = append(vowels, []rune("eiaou")[c%5])
		}
	}
	if len(vowels) == 0 {
		vowels = []rune{'a'}
	}
	start, end := int(line.Start*sampleRate/time.Second), int(line.End*sampleRate/time.Second)
	each := max((end-start)/len(vowels), 1)
	var phase uint32
	for i, vowel := range vowels {
		// The voice sinks towards the end of a sentence, and wavers.
		f0 := pitch*int64(110-20*i/len(vowels))/100 + random.Int64N(9) - 4
		gains, total := harmonics(f0, formants[vowel])
		step := uint32(f0 << 32 / sampleRate)
		hiss := each / 6
		for j := range each {
			at := 2 * (start + i*each + j)
			if at >= len(out) {
				return
			}
			if j < hiss {
				out[at] += int16(random.IntN(1200)) - 600
				continue
			}
			phase += step
			var sum int64
			for h, gain := range gains {
				sum += gain * sine[(phase*uint32(h+1))>>22]
			}
			out[at] += int16(sum / total * envelope(j-hiss, each-hiss) * 9000 / 32767 / 1024)
		}
	}
}

// envelope rises over the first fifth and falls over the last two, in 1/1024.
func envelope(i, n int) int64 {
	rise, fall := n/5+1, 2*n/5+1
	switch {
	case i < rise:
		return int64(1024 * i / rise)
	case n-i < fall:
		return int64(1024 * (n - i) / fall)
	}
	return 1024
}

// harmonics weighs the multiples of f0 by how near they are to a formant.
func harmonics(f0 int64, resonances [3]int64) (gains []int64, total int64) {
	for f := f0; f < 3400; f += f0 {
		gain := int64(8)
		for i, resonance := range resonances {
			width := int64(80 + 40*i)
			gain += int64(1000>>i) * width * width / (width*width + (f-resonance)*(f-resonance))
		}
		gains, total = append(gains, gain), total+gain
	}
	return gains, total
}

// wav wraps interleaved 16-bit stereo samples in a RIFF header.
func wav(samples []int16) []byte {
	var b bytes.Buffer
	size := uint32(2 * len(samples))
	b.WriteString("RIFF")
	binary.Write(&b, binary.LittleEndian, 36+size)
	b.WriteString("WAVEfmt ")
	binary.Write(&b, binary.LittleEndian, struct {
		Size                uint32
		Format, Channels    uint16
		Rate, BytesASecond  uint32
		BlockAlign, BitsPer uint16
	}{16, 1, 2, sampleRate, 4 * sampleRate, 4, 16})
	b.WriteString("data")
	binary.Write(&b, binary.LittleEndian, size)
	binary.Write(&b, binary.LittleEndian, samples)
	return b.Bytes()
}

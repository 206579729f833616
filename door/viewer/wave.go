package viewer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Wave is how loud a recording is over its time, channel by channel.
type Wave struct {
	Seconds float64   `json:"seconds"`
	Peaks   [][]uint8 `json:"peaks"` // of each channel, from 0 to 255
}

// Bounds on WAVE files.
const (
	waveChunks   = 256     // before the sound
	waveFormat   = 1 << 12 // bytes of the description
	waveRate     = 1 << 20 // Hz
	waveChannels = 8
	// WavePoints bounds how many points a Wave has in a channel.
	WavePoints = 4096
)

// formats of sound within WAVE files.
const (
	soundPCM        = 1
	soundALaw       = 6
	soundMuLaw      = 7
	soundExtensible = 0xfffe
)

// sound is how the samples of a WAVE file are laid out.
type sound struct {
	format, channels, bits int
	rate, block            int64
}

// ReadWave reads a WAVE file of so many bytes from its beginning to its end, a little at a
// time, and answers so many peaks of each channel: PCM of 8, 16, 24 and 32 bits, A-law and
// µ-law. Of a file that ends early it answers what there is.
func ReadWave(r io.Reader, size int64, points int) (Wave, error) {
	if points < 1 || points > WavePoints {
		return Wave{}, errors.New("no such number of points")
	}
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:4]) != "RIFF" && string(head[:4]) != "RF64" || string(head[8:]) != "WAVE" {
		return Wave{}, fmt.Errorf("%w: it does not begin as a WAVE file", ErrForm)
	}
	var s *sound
	left := size - int64(len(head))
	for range waveChunks {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return Wave{}, fmt.Errorf("%w: it holds no sound", ErrForm)
		}
		left -= int64(len(chunk))
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if length < 16 || length > waveFormat {
				return Wave{}, fmt.Errorf("%w: its description has %d bytes", ErrForm, length)
			}
			description := make([]byte, length+length%2)
			if n, err := io.ReadFull(r, description); err != nil && n < int(length) {
				return Wave{}, fmt.Errorf("%w: its description is cut", ErrForm)
			}
			var err error
			if s, err = soundOf(description[:length]); err != nil {
				return Wave{}, err
			}
		case "data":
			if s == nil {
				return Wave{}, fmt.Errorf("%w: its sound is not described", ErrForm)
			}
			if length <= 0 || length > left { // as recorders write that do not know yet
				length = left
			}
			return s.read(r, length, points)
		default:
			if _, err := io.CopyN(io.Discard, r, length+length%2); err != nil {
				return Wave{}, fmt.Errorf("%w: it holds no sound", ErrForm)
			}
		}
		left -= length + length%2
	}
	return Wave{}, fmt.Errorf("%w: it has more than %d parts before its sound", ErrForm, waveChunks)
}

func soundOf(b []byte) (*sound, error) {
	s := &sound{
		format: int(binary.LittleEndian.Uint16(b)), channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate: int64(binary.LittleEndian.Uint32(b[4:])), block: int64(binary.LittleEndian.Uint16(b[12:])), bits: int(binary.LittleEndian.Uint16(b[14:])),
	}
	if s.format == soundExtensible && len(b) >= 26 {
		s.format = int(binary.LittleEndian.Uint16(b[24:]))
	}
	bits := map[int]bool{}
	switch s.format {
	case soundPCM:
		bits = map[int]bool{8: true, 16: true, 24: true, 32: true}
	case soundALaw, soundMuLaw:
		bits = map[int]bool{8: true}
	}
	if !bits[s.bits] || s.channels < 1 || s.channels > waveChannels || s.rate < 1 || s.rate > waveRate || s.block != int64(s.channels*s.bits/8) {
		return nil, fmt.Errorf("%w: sound of format %d with %d channels of %d bits", ErrForm, s.format, s.channels, s.bits)
	}
	return s, nil
}

// read reads samples of so many bytes.
func (s *sound) read(r io.Reader, length int64, points int) (Wave, error) {
	frames := length / s.block
	if frames < 1 {
		return Wave{}, fmt.Errorf("%w: it holds no sound", ErrForm)
	}
	points = int(min(int64(points), frames))
	w := Wave{Seconds: float64(frames) / float64(s.rate), Peaks: make([][]uint8, s.channels)}
	for i := range w.Peaks {
		w.Peaks[i] = make([]uint8, points)
	}
	buffer := make([]byte, s.block*4096)
	wide := s.bits / 8
	frame, point, until := int64(0), 0, frames/int64(points)
	for frame < frames {
		n, err := io.ReadFull(r, buffer[:min(int64(len(buffer)), (frames-frame)*s.block)])
		for b := buffer[:n]; len(b) >= int(s.block); b = b[s.block:] {
			for ; frame >= until && point < points-1; until = (int64(point) + 1) * frames / int64(points) {
				point++
			}
			for c := range s.channels {
				if loud := s.loud(b[c*wide : c*wide+wide]); loud > w.Peaks[c][point] {
					w.Peaks[c][point] = loud
				}
			}
			frame++
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		} else if err != nil {
			return Wave{}, err
		}
	}
	return w, nil
}

// loud is how far a sample is from silence.
func (s *sound) loud(b []byte) uint8 {
	var v int32 // of 16 bits
	switch {
	case s.format == soundALaw:
		v = aLaw(b[0])
	case s.format == soundMuLaw:
		v = muLaw(b[0])
	case s.bits == 8:
		v = (int32(b[0]) - 128) << 8
	default: // the upper 16 of 16, 24 or 32 bits
		v = int32(int16(binary.LittleEndian.Uint16(b[len(b)-2:])))
	}
	if v < 0 {
		v = -v
	}
	return uint8(min(v>>7, 255))
}

// aLaw and muLaw decode samples of telephones (ITU-T G.711).
func aLaw(b byte) int32 {
	b ^= 0x55
	v, exponent := int32(b&0x0f)<<4+8, b>>4&7
	if exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	if b&0x80 == 0 {
		return -v
	}
	return v
}

func muLaw(b byte) int32 {
	b = ^b
	v := (int32(b&0x0f)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		return -v
	}
	return v
}

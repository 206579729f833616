package know

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// Sample says which entries of a source are read. Both are draws by chance: the rank of an
// entry is a keyed hash of its name under a key made for the scan, so that nobody who names
// files can keep one out, and going on after a crash draws the same.
type Sample struct {
	Percent float64 `json:"percent,omitempty"` // each entry with this chance
	Number  int64   `json:"number,omitempty"`  // so many of all
}

// MaxSample bounds how many entries are drawn by number.
const MaxSample = 1_000_000

// ParseSample reads "2.5%" or "400"; "" draws nothing.
func ParseSample(s string) (Sample, error) {
	bad := invalid(fmt.Sprintf("%q is no sample", s), fmt.Sprintf("give a share from 0.0001%% to 100%%, such as 2%%, or a number of files up to %d", MaxSample))
	if s == "" {
		return Sample{}, nil
	}
	if share, ok := strings.CutSuffix(s, "%"); ok {
		p, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(p >= 0.0001 && p <= 100) {
			return Sample{}, bad
		}
		return Sample{Percent: p}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > MaxSample {
		return Sample{}, bad
	}
	return Sample{Number: n}, nil
}

func (s Sample) String() string {
	switch {
	case s.Percent > 0:
		return fmt.Sprintf("each with a chance of %g %%", s.Percent)
	case s.Number > 0:
		return fmt.Sprintf("%d drawn by chance", s.Number)
	}
	return "none"
}

// maxRank is one more than the greatest rank, which has 63 bits.
const maxRank = 1 << 63

// rank is an entry's place in the draw.
func rank(seed []byte, name string) uint64 {
	h := hmac.New(sha256.New, seed)
	h.Write([]byte(name))
	return binary.BigEndian.Uint64(h.Sum(nil)) >> 1
}

// threshold is the rank below which a share is drawn.
func (s Sample) threshold() uint64 {
	if s.Percent >= 100 {
		return maxRank
	}
	return uint64(s.Percent / 100 * maxRank)
}

// Drawn is an entry that is to be read.
type Drawn struct {
	Rank    uint64
	Name    string
	Size    int64
	Type    string
	Decided bool // it was read, or cannot be
}

// Wilson is the score interval of a share, for z standard deviations (1.96 for 95 %):
// E. B. Wilson, Probable inference, the law of succession, and statistical inference,
// JASA 22 (1927). Unlike the simple interval it holds for shares near 0 and 1.
func Wilson(positives, n int64, z float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	p, m := float64(positives)/float64(n), float64(n)
	centre := p + z*z/(2*m)
	margin := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	low, high = (centre-margin)/(1+z*z/m), (centre+margin)/(1+z*z/m)
	if positives == 0 {
		low = 0
	}
	if positives == n {
		high = 1
	}
	return max(0, low), min(1, high)
}

const z95 = 1.959964

// Share is how many of a type's entries hold a class, as far as a sample tells.
type Share struct {
	Source     string `json:"source"`
	Type       string `json:"type"`
	Class      string `json:"class"` // NoClass: those in which nothing was found
	Population int64  `json:"population"`
	// Drawn by chance were so many; of them so many could not be read, and of so many only
	// the beginning was.
	Drawn      int64 `json:"drawn"`
	Unreadable int64 `json:"unreadable"`
	Partly     int64 `json:"partly"`
	Positives  int64 `json:"positives"`
	// Low and High bound the share at 95 %, counting what could not be read as either. Exact
	// says that all were read to the end, so that it is a count and no estimate.
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Exact bool    `json:"exact"`
}

// NoClass marks entries in whose beginning nothing was found. It does not say that they are
// clean.
const NoClass = "nothing found"

func (s *Share) bound() {
	s.Exact = s.Drawn == s.Population && s.Unreadable == 0 && s.Partly == 0
	if s.Exact && s.Population > 0 {
		s.Low = float64(s.Positives) / float64(s.Population)
		s.High = s.Low
		return
	}
	s.Low, _ = Wilson(s.Positives, s.Drawn, z95)
	_, s.High = Wilson(s.Positives+s.Unreadable, s.Drawn, z95)
}

// String is the share in a sentence.
func (s Share) String() string {
	files := fmt.Sprintf("%d %s files", s.Population, s.Type)
	if s.Drawn == 0 {
		return fmt.Sprintf("%s: none of the %s was looked at", Unknown, files)
	}
	if s.Class == Unknown {
		return fmt.Sprintf("%s: none of the %d drawn from the %s could be read", Unknown, s.Drawn, files)
	}
	what := "hold " + s.Class
	if s.Class == NoClass {
		what = "showed nothing to the detectors, which is not the same as holding nothing"
	}
	if s.Exact {
		return fmt.Sprintf("%d of the %s %s (all were read)", s.Positives, files, what)
	}
	return fmt.Sprintf("between %.1f %% and %.1f %% of the %s %s, at 95 %% (%d drawn by chance: %d hits, %d not readable, %d read in part)",
		100*s.Low, 100*s.High, files, what, s.Drawn, s.Positives, s.Unreadable, s.Partly)
}

// types by the end of a name. What is not here is of unknown type.
var types = func() map[string]string {
	out := map[string]string{}
	for t, ends := range map[string]string{
		"audio":    "wav mp3 ogg opus flac m4a aac wma amr gsm au",
		"video":    "mp4 webm mkv avi mov wmv m4v mpg mpeg",
		"image":    "png jpg jpeg gif tif tiff bmp webp heic svg",
		"text":     "txt csv tsv json jsonl ndjson xml html htm md log yaml yml ini conf eml vtt srt",
		"document": "pdf doc docx odt xls xlsx ods ppt pptx odp rtf msg",
		"archive":  "zip gz tgz tar bz2 xz zst 7z rar jar",
		"database": "db sqlite sqlite3 mdb dump sql bak parquet avro orc pst",
		"key":      "pem key p12 pfx jks ppk kdbx asc gpg",
		"program":  "go py js ts java c h cpp cs rb php sh ps1 exe dll so bin class wasm",
	} {
		for _, e := range strings.Fields(ends) {
			out["."+e] = t
		}
	}
	return out
}()

// TypeOf is the type of file that a name tells.
func TypeOf(name string) string { return orUnknown(types[strings.ToLower(path.Ext(name))]) }
